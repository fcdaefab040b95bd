// Every derived file of the project with its content, from where each folder derives its own.
import { deriveDashboards } from '../dashboards/generate.ts'
import { derivedFiles as deriveLoopTypes } from '../firmware/derive.ts'
import { deriveImages } from '../firmware/images.ts'
import { loadProfiles } from '../firmware/profiles.ts'
import { profileDigest } from '../gateway/core/machine.ts'
import { deriveContracts } from '../gateway/ledger/compile.ts'
import { ProfileSchema } from '../hardware-profiles/profile.ts'

/** The stock images; undefined where the compiler that makes them is not installed. */
export const derivedImages = async (): Promise<Map<string, string | Uint8Array> | undefined> =>
  deriveImages({ machines: loadProfiles(), profileDigest, path: process.env['PATH'] })

/** Path from the root -> content. */
export const derivedFiles = (): Map<string, string> => {
  const machines = loadProfiles()
  return new Map([
    ['hardware-profiles/schema.json', `${JSON.stringify(ProfileSchema, null, 2)}\n`],
    ...deriveLoopTypes(machines),
    ...deriveDashboards(machines.profiles.values()),
    ...deriveContracts(),
  ])
}
