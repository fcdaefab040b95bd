// Rewrites every derived file, or with --check says which ones no longer fit what they come from.
// A derived file is a pure function of files in the tree: nothing of this machine may show in it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { derivedFiles } from './derived.ts'
import { root } from './tree.ts'

const check = process.argv.includes('--check')
const drifted: string[] = []
for (const [path, content] of derivedFiles()) {
  const file = join(root, path)
  let present: string | undefined
  try {
    present = readFileSync(file, 'utf8')
  } catch {
    present = undefined
  }
  if (present === content) continue
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
