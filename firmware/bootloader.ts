// The bootloader of a machine on a board: runtime/boot/boot.c with the machine's pins, so that what
// can move is held low by it, too. The same bytes for the same pins, whatever the loop is.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Profile } from '../hardware-profiles/profile.ts'
import type { Board } from './boards.ts'
import { BuildError } from './build.ts'
import { type Built, compileImage, gatherSources } from './compile.ts'
import { theLoop } from './image.ts'
import { configHeader } from './image-config.ts'
import type { LoopKind } from './loop-kind.ts'

export interface BootloaderRequest {
  profile: Profile
  loops: ReadonlyMap<string, LoopKind>
  board: Board
  /** Where the compiler is looked for, as the environment's PATH. */
  path?: string | undefined
}

/** What bootloader and image must agree on, for the compiler. */
export const namesOf = ({ profile, board }: Pick<BootloaderRequest, 'profile' | 'board'>) => [
  `-DMACHINE_NAME="${profile.machine}"`,
  `-DBOARD_NAME="${board.board}"`,
]

/** Throws BuildError where the machine does not fit the board, ToolError without a compiler. */
export const buildBootloader = (request: BootloaderRequest): Built => {
  const { profile, loops, board, path } = request
  const { loop, spec } = theLoop(profile, loops)
  const config = configHeader({ profile, board, loop, spec, purpose: 'machine' })
  if (config.findings.length > 0) throw new BuildError(config.findings)
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-boot-'))
  try {
    gatherSources(folder, board)
    writeFileSync(join(folder, 'config.h'), config.text(''))
    const flags = namesOf(request)
    return compileImage({ folder, board, source: 'boot/boot.c', flags, path })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
