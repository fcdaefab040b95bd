// What of this folder is derived: for each loop kind the declarations of its generated constants,
// for editors and the type checker. `npm run derive` writes them; a test fails when they drift.

import { join, relative } from 'node:path'
import { constantsTypes, generatedConstants } from './loop-kind.ts'
import { type Machines, projectFolders } from './profiles.ts'

/** Derived files: path below the project's folder -> text. Pure but for where the project lies. */
export const derivedFiles = ({ loops }: Pick<Machines, 'loops'>): Map<string, string> =>
  new Map(
    [...loops.values()].map((loop) => {
      const path = join(projectFolders.loops, loop.folder, 'constants.d.ts')
      const root = join(import.meta.dirname, '..')
      return [relative(root, path), constantsTypes(generatedConstants(loop))]
    }),
  )
