// Rewrites every derived file, or with --check says which ones no longer fit what they come from.
// A derived file is a pure function of files in the tree: nothing of this machine may show in it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { operatingError } from '../gateway/core/errors.ts'
import { derivedFiles, derivedImages } from './derived.ts'
import { root } from './tree.ts'

const check = process.argv.includes('--check')
const drifted: string[] = []
// A mistake in a machine file is the user's to mend, and no defect: no stack.
const explained = (error: unknown): never => {
  const known = operatingError(error)
  if (known === undefined) throw error
  console.error(`${known.message}\n  what to do: ${known.remedy}`)
  process.exit(1)
}
const images = await derivedImages().catch(explained)
if (images === undefined) {
  console.log(
    'skipped: firmware/images (apt-get install --no-install-recommends gcc-arm-none-eabi)',
  )
}
const all: [string, string | Uint8Array][] = [...derivedFiles(), ...(images ?? [])]
for (const [path, content] of all) {
  const file = join(root, path)
  let present: Uint8Array | undefined
  try {
    present = readFileSync(file)
  } catch {
    present = undefined
  }
  if (present !== undefined && Buffer.compare(present, Buffer.from(content)) === 0) continue
  drifted.push(path)
  if (check) continue
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
for (const path of drifted) console.log(check ? `drifted: ${path}` : `wrote ${path}`)
if (drifted.length === 0) console.log('all derived files fit')
if (check && drifted.length > 0) {
  console.error('run `npm run derive` and look at what changed')
  process.exitCode = 1
}
