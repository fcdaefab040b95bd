// The stock images as they are committed: they boot without any compiler, they are made of the loop
// and the machine file in the tree, and what they compute is what the twin computes.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readImage } from '../../firmware/flash/images.ts'
import type { Manifest } from '../../firmware/manifest.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { rangesOf, readRun, runLine, runTwin } from '../emu/exercise.ts'
import { hellosIn } from '../emu/hello.ts'
import { Pico } from '../emu/pico.ts'
import { root } from '../tree.ts'
import { drill, wasmOf } from './stand.ts'

const folder = join(root, 'firmware', 'images')
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Manifest
const binOf = (name: string): Uint8Array =>
  readImage(join(folder, `${name}.json`)).files.get('bin') ?? new Uint8Array()

describe.each(names)('%s', (name) => {
  const manifest = manifestOf(name)

  test('is the image of its manifest, made of the machine file and the loop in the tree', async () => {
    const digest = createHash('sha256').update(binOf(name)).digest('hex')
    expect(digest).toBe(manifest.digests.image)
    const profile = loadProfiles().profiles.get(manifest.machine)
    expect(profile && profileDigest(profile)).toBe(manifest.digests.profile)
    const build = await wasmOf(drill())
    expect(build.digest).toBe(manifest.digests.module)
  })
})

test('the machine image of a Pico boots with everything off', () => {
  const machine = names.filter((name) => manifestOf(name).purpose === 'machine')
  expect(machine).toEqual(['cordless-drill-rp2040-pico', 'cordless-drill-stm32f405'])
  for (const name of machine.filter((one) => manifestOf(one).board === 'rp2040-pico')) {
    const said: number[] = []
    const edges: number[] = []
    const pico = new Pico({
      bin: binOf(name),
      analogue: () => 2048,
      onUart: (byte) => {
        said.push(byte)
      },
      onEdge: (pin) => edges.push(pin),
    })
    pico.run(125_000 * 100)
    const { module, profile } = manifestOf(name).digests
    expect(hellosIn(said)).toMatchObject([{ firmware: module, profile, reason: 0, boot: 1 }])
    expect(edges.filter((pin) => pin === 2 || pin === 3 || pin === 5)).toEqual([])
    expect(pico.resets).toBe(0)
  }
})

test('the test image computes what the twin computes', async () => {
  const subject = drill()
  const { wasm } = await wasmOf(subject)
  const drive = { seed: 3, steps: 20_000, ranges: rangesOf(subject.loop) }
  const pico = new Pico({ bin: binOf('cordless-drill-rp2040-pico-exercise') })
  pico.ask('', 10_000_000)
  const { hash, last } = readRun(pico.ask(runLine(drive), drive.steps * 20_000))
  expect({ hash, last }).toEqual(runTwin(wasm, subject.loop, drive))
})
