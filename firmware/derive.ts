// What of this folder is derived: for each loop kind, and for the safety kernel, the declarations
// of the generated constants, for editors and the type checker. `npm run derive` writes them; a
// test fails when they drift.
import { join, relative } from 'node:path'
import { kernelConstants } from './kernel-constants.ts'
import { constantsTypes, generatedConstants } from './loop-kind.ts'
import { type Machines, projectFolders } from './profiles.ts'

/** Derived files: path below the project's folder -> text. Pure but for where the project lies. */
export const derivedFiles = ({ loops }: Pick<Machines, 'loops'>): Map<string, string> =>
  new Map([
    ...[...loops.values()].map((loop): [string, string] => {
      const path = join(projectFolders.loops, loop.folder, 'constants.d.ts')
      return [relative(root, path), constantsTypes(generatedConstants(loop), 'loop.json')]
    }),
    ['firmware/kernel/constants.d.ts', constantsTypes(kernelConstants(), 'kernel-constants.ts')],
  ])

const root = join(import.meta.dirname, '..')
