// Puts an image onto a board that was found, and checks that it took it. Each way has its own
// proof: a UF2 loader restarts the board only when it has every block, a DAPLink says why it
// refused, DFU is read back, OpenOCD verifies. It chooses neither board nor image.
import { constants } from 'node:fs'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ToolError } from '../tool-error.ts'
import { driveAt, failureOn } from './drives.ts'
import type { Outside } from './outside.ts'
import { type Target, waysOf } from './targets.ts'

export interface Payload {
  /** Name without an ending, such as `cordless-drill-rp2040-pico`. */
  name: string
  /** By ending: uf2, hex, bin, elf. */
  files: ReadonlyMap<string, Uint8Array>
}

export interface Flashing {
  target: Target
  payload: Payload
  outside: Outside
  /** Share of the image that the board has, 0 to 1. */
  progress(share: number): void
}

/**
 * How it was checked, in words for the person. Throws ToolError where the board did not take it.
 */
export const flash = (flashing: Flashing): Promise<string> => ways[flashing.target.method](flashing)

/** What `flash` takes of an image on each way. */
export const endingOf = { uf2: 'uf2', daplink: 'hex', dfu: 'bin', openocd: 'bin' } as const

const fileFor = ({ target, payload }: Flashing): Uint8Array => {
  const ending = endingOf[target.method]
  const file = payload.files.get(ending)
  if (file !== undefined) return file
  throw new ToolError('image_form', {
    message: `there is no .${ending} of ${payload.name}, and ${target.board.title} takes no other`,
    remedy: 'Build it: npx tenfold build (writes every form that the board takes).',
  })
}

const chunkBytes = 4096

/** Drives of UF2 loaders vanish while the last bytes are being acknowledged: these say so. */
const gone = new Set(['EIO', 'ENODEV', 'ENXIO', 'ENOENT', 'EBADF', 'ESTALE'])

/** Writes through: without it the bar would show the speed of the page cache. */
const copy = async (file: Uint8Array, path: string, flashing: Flashing): Promise<void> => {
  const { O_CREAT, O_TRUNC, O_WRONLY, O_DSYNC = 0 } = constants
  const handle = await open(path, O_CREAT | O_TRUNC | O_WRONLY | O_DSYNC, 0o644)
  let at = 0
  try {
    while (at < file.length) {
      const chunk = file.subarray(at, at + chunkBytes)
      at += (await handle.write(chunk)).bytesWritten
      flashing.progress(at / file.length)
    }
  } catch (error) {
    const last = at + chunkBytes >= file.length
    if (!last || !gone.has((error as NodeJS.ErrnoException).code ?? '')) {
      throw interrupted(flashing.target, at, error as Error)
    }
    flashing.progress(1)
  } finally {
    await handle.close().catch(() => {})
  }
}

const interrupted = ({ place }: Target, at: number, { message }: Error): ToolError =>
  new ToolError('flash_interrupted', {
    message: `writing to ${place} stopped after ${at} bytes: ${message}`,
    remedy: 'Plug the board in again as the steps say, and flash it once more. It is not harmed.',
  })

const settleMs = 250
const patienceMs = 15_000

const until = async (done: () => boolean, outside: Outside): Promise<boolean> => {
  for (let waited = 0; waited < patienceMs; waited += settleMs) {
    if (done()) return true
    await outside.sleep(settleMs)
  }
  return done()
}

const byUf2 = async (flashing: Flashing): Promise<string> => {
  const { target, payload, outside } = flashing
  await copy(fileFor(flashing), join(target.place, `${payload.name}.uf2`), flashing)
  if (await until(() => driveAt(target.place)?.id !== target.id, outside)) {
    return 'the loader has taken every block and started the image: its drive is gone'
  }
  throw new ToolError('flash_refused', {
    message: `${target.place} is still there: the loader has not taken the whole image`,
    remedy: 'Check the cable, plug the board in again as the steps say, and flash it once more.',
  })
}

const byDaplink = async (flashing: Flashing): Promise<string> => {
  const { target, payload, outside } = flashing
  const before = target.drive?.remounts
  await copy(fileFor(flashing), join(target.place, `${payload.name}.hex`), flashing)
  // The drive goes and comes back, with a count that has grown, or with the reason why not.
  const back = (): boolean => {
    const now = driveAt(target.place)
    if (now === undefined) return false
    return failureOn(target.place) !== undefined || before === undefined || now.remounts !== before
  }
  const returned = await until(back, outside)
  const failure = failureOn(target.place)
  if (failure === undefined && returned) return 'the interface chip reports no failure'
  throw new ToolError('flash_refused', {
    message: failure ?? `${target.place} did not come back`,
    remedy: 'Plug the board in again; where it says so again, update its interface firmware.',
  })
}

const byDfu = async (flashing: Flashing): Promise<string> => {
  const { target, outside } = flashing
  const file = fileFor(flashing)
  const folder = await mkdtemp(join(tmpdir(), 'tenfold-flash-'))
  try {
    await writeFile(join(folder, 'image.bin'), file)
    const { board, id, place } = target
    const at = `0x${board.flashAddress.toString(16).padStart(8, '0')}`
    const serial = place.replace(/^serial /, '')
    const one = ['-d', id, ...(serial === '' ? [] : ['-S', serial]), '-a', '0']
    await must(flashing, 'dfu-util', [...one, '-s', at, '-D', join(folder, 'image.bin')])
    const back = join(folder, 'back.bin')
    await must(flashing, 'dfu-util', [...one, '-s', `${at}:${file.length}`, '-U', back])
    if (!(await readFile(back)).equals(file)) {
      throw new ToolError('flash_differs', {
        message: 'what the board gives back is not what was written',
        remedy: 'Flash it once more; where it happens again, the flash is worn or protected.',
      })
    }
    // A loader that leaves often goes without an answer, so that the exit code says nothing.
    await outside.run('dfu-util', [...one, '-s', `${at}:leave`, '-U', join(folder, 'left.bin')])
    return 'read back, every byte is the same'
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const byOpenocd = async (flashing: Flashing): Promise<string> => {
  const { target } = flashing
  const way = waysOf(target.board, 'openocd')
  if (way === undefined) throw new Error(`${target.board.board} has no probe`)
  const file = fileFor(flashing)
  const folder = await mkdtemp(join(tmpdir(), 'tenfold-flash-'))
  try {
    const path = join(folder, 'image.bin')
    await writeFile(path, file)
    const id = `[expr {[lindex [read_memory ${way.idRegister} 32 1] 0] & ${way.idMask}}]`
    const known = way.ids.map((each) => `$id != ${each}`).join(' && ')
    const commands = [
      'init',
      'reset halt',
      `set id ${id}`,
      `if {${known}} { echo "tenfold: wrong chip $id"; shutdown error }`,
      `program {${path}} verify reset exit ${target.board.flashAddress}`,
    ]
    const config = way.config.flatMap((each) => ['-f', each])
    const text = await must(flashing, 'openocd', [
      ...config,
      ...commands.flatMap((each) => ['-c', each]),
    ])
    if (!text.includes('** Verified OK **')) throw refused('openocd', text)
    flashing.progress(1)
    return 'OpenOCD has compared the flash with the image'
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs a tool that prints percents; its share of the work is shown as it goes. */
const must = async (flashing: Flashing, tool: string, args: string[]): Promise<string> => {
  const { code, text } = await flashing.outside.run(tool, args, (chunk) => {
    const percent = [...chunk.matchAll(/(\d{1,3})%/g)].at(-1)?.[1]
    if (percent !== undefined) flashing.progress(Math.min(1, Number(percent) / 100))
  })
  if (code === 0) return text
  throw refused(tool, text)
}

const refused = (tool: string, text: string): ToolError => {
  const lines = text.trim().split('\n')
  return new ToolError('flash_refused', {
    message: `${tool} says: ${lines.slice(-4).join(' / ')}`,
    remedy: 'Check the cable and that the board is in its loader as the steps say; flash it again.',
  })
}

const ways: Record<Target['method'], (flashing: Flashing) => Promise<string>> = {
  uf2: byUf2,
  daplink: byDaplink,
  dfu: byDfu,
  openocd: byOpenocd,
}
