// What the drill's loop costs: nanoseconds a step in Node, alone and with its plant, beside an
// empty loop of the same imports in the same run; bytes of wasm; memory. Prints what it measured;
// judges nothing.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildLoop } from '../../firmware/build.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { createPlant } from '../../firmware/twin/plants/drill/plant.ts'
import { createRig } from '../../firmware/twin/rig.ts'
import { startBoard } from '../../firmware/twin/sim-board.ts'
import { decodeWasm, section } from '../../firmware/wasm-decode.ts'
import { drill, loop, spec } from '../firmware/stand.ts'
import { machineLine, median } from './machine.ts'

const rounds = 5
const steps = 2_000_000
const bytesGoal = 2048
const cacheFolder = mkdtempSync(join(tmpdir(), 'tenfold-bench-'))

const timed = async (work: () => Promise<unknown> | unknown): Promise<number> => {
  const before = performance.now()
  await work()
  return performance.now() - before
}

const firstMs = await timed(() => buildLoop({ loop, spec, cacheFolder }))
const cachedMs = await timed(() => buildLoop({ loop, spec, cacheFolder }))
const { wasm } = await buildLoop({ loop, spec, cacheFolder })
rmSync(cacheFolder, { recursive: true })

/** A tape of ten seconds of work, so that the loop alone sees what a drill sees. */
const constants = drill.twin?.constants ?? {}
const rig = createRig({
  ...{ wasm, loop, rateHz: spec.rateHz },
  plant: createPlant({ constants, random: seeded(2) }),
})
const width = loop.inputs.length
const tape = new Int32Array(10 * spec.rateHz * width)
for (let i = 0; i < tape.length / width; i += 1) {
  rig.step()
  tape.set(rig.board.inputs, i * width)
}

const board = startBoard(wasm, loop, { micros: () => 0 })
board.setup()
const feed = (i: number): void => {
  const from = (i * width) % tape.length
  for (let k = 0; k < width; k += 1) board.inputs[k] = tape[from + k] ?? 0
}
const nsPerStep = async (step: (i: number) => void): Promise<number> => {
  const ms = await timed(() => {
    for (let i = 0; i < steps; i += 1) step(i)
  })
  return (ms * 1e6) / steps
}

const figures = { feeding: [] as number[], loop: [] as number[], withPlant: [] as number[] }
for (let round = 0; round < rounds; round += 1) {
  const feeding = await nsPerStep(feed)
  const both = await nsPerStep((i) => {
    feed(i)
    board.step()
  })
  figures.feeding.push(feeding)
  figures.loop.push(both - feeding)
  figures.withPlant.push(await nsPerStep(() => rig.step()))
}

const { sections } = decodeWasm(wasm)
console.log(machineLine())
console.log(`loop         ${median(figures.loop).toFixed(0)} ns/step (feeding inputs taken off)`)
console.log(`loop + plant ${median(figures.withPlant).toFixed(0)} ns/step`)
console.log(
  `one core     ${(1e9 / spec.rateHz / median(figures.withPlant)).toFixed(0)} x real time`,
)
const verdict = wasm.length <= bytesGoal ? 'met' : 'missed'
console.log(`wasm         ${wasm.length} bytes (goal ${bytesGoal}: ${verdict})`)
console.log(`memory       ${sections.has(section.memory) ? 'present' : 'none'}`)
console.log(`build        ${firstMs.toFixed(0)} ms first, ${cachedMs.toFixed(1)} ms from the cache`)
