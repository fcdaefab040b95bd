// Is every check of the kernel missed when it is gone? Each line that says no is taken out in turn,
// the kernel built anew, and the faults and disturbances of the drill, or the turns of the hot
// end's switch, must then turn out otherwise. All of them with TENFOLD_LONG=1, else two.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildKernel } from '../../firmware/build.ts'
import { causeKinds } from '../../firmware/kernel-constants.ts'
import { root } from '../tree.ts'
import { KernelBench, kernelOf, safety } from './bench.ts'
import { faultsOf } from './faults.ts'
import { machineOf, turned } from './switch-bench.ts'

const long = process.env['TENFOLD_LONG'] === '1'
const source = join(root, 'firmware', 'kernel')

interface Mutant {
  file: string
  line: number
  what: string
  text: string
}

/** What a line becomes without its check. */
const without: readonly [RegExp, string][] = [
  [/^(\s*)if \(.*\) return .*CAUSE_(?!SETTLING).*$/, '$1'],
  [/^(\s*)if \(.*\) return OUTPUTS_WRONG$/, '$1'],
  [/^(\s*)if \(heat >= RESERVE_SQUARES\) \{$/, '$1if (false) {'],
  [/^(\s*)if \(frozenChecks >= LEVEL_STUCK_CHECKS\) \{$/, '$1if (false) {'],
  [/^(.*)if \(MAY_ARM === 0\) hinder\(CAUSE_NO_HARDWARE\)$/, '$1if (false) hinder(0)'],
  [/^(.*releasedSteps = )released \? .*$/, '$1RELEASE_STEPS'],
  [/^(.*const released = )isReleased\(\) && found === 0$/, '$1isReleased()'],
  [/^(.*const released = )isReleased\(\) && found === 0$/, '$1found === 0'],
  [/^(.*)if \(workSteps > 0 \|\| found === OUTPUTS_WRONG\) trip\(found\)$/, '$1if (false) trip(0)'],
  [/^(.*)else enter\(STATE_WAIT, 0\)$/, '$1else hinder(0)'],
  [/^(.*enter\()latched === 0 \? STATE_WAIT : STATE_TRIPPED, latched\)$/, '$1STATE_WAIT, 0)'],
  [/^(.*)if \(state !== STATE_TRIPPED \|\| !isReleased\(\)\) return 0$/, '$1'],
  [/^(.*) && \(cause & HARD\) !== 0\) enter/, '$1) enter'],
  [/^(.*)else pulledSteps = -1$/, '$1'],
  [/^(\s*heat = )RESERVE_SQUARES \/ 2$/, '$10'],
  [/^(.*\? )min\(max\(raw, .*$/, '$1raw'],
]

const mutants = (): Mutant[] =>
  readdirSync(source)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .flatMap((file) => {
      const lines = readFileSync(join(source, file), 'utf8').split('\n')
      return lines.flatMap((text, line) =>
        without.flatMap(([pattern, replaced]) => {
          if (!pattern.test(text)) return []
          const next = [...lines]
          next[line] = text.replace(pattern, replaced)
          return [{ file, line: line + 1, what: text.trim(), text: next.join('\n') }]
        }),
      )
    })

/** The kernel of the drill, of one that lacks the gate's pull-down, and of the hot end. */
type Kernels = readonly Uint8Array<ArrayBuffer>[]
const kernels = async (folder?: string): Promise<Kernels> => {
  const { gatePullDown: _, ...bare } = safety
  const at = folder === undefined ? [] : [join(folder, 'kernel'), join(folder, 'cache')]
  const [kernelFolder, cacheFolder] = at
  const from = kernelFolder && cacheFolder ? { kernelFolder, cacheFolder } : {}
  const hotEnd = await buildKernel({ ...machineOf('hot_end'), ...from })
  return [await kernelOf(safety, ...at), await kernelOf(bare, ...at), hotEnd.wasm]
}

const buildMutant = async ({ file, text }: Mutant): Promise<Kernels> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-mutant-'))
  try {
    cpSync(source, join(folder, 'kernel'), { recursive: true })
    writeFileSync(join(folder, 'kernel', file), text)
    return await kernels(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** All that a kernel does in the faults and around them, as text to compare. */
const behaviour = ([wasm, bare, hotEnd]: Kernels): string => {
  if (!wasm || !bare || !hotEnd) throw new Error('three kernels')
  const seen = [`bare ${new KernelBench(bare).stepsPassed(1000)}`]
  for (const fault of faultsOf(safety)) {
    const bench = new KernelBench(wasm)
    bench.work(fault.before)
    Object.assign(bench.readings, fault.readings)
    for (const name of fault.frozen ?? []) bench.frozen.add(name)
    bench.ask(fault.asks ?? {})
    const tookMs = bench.runMs(fault.withinMs + 20)
    seen.push(`${fault.what}: ${tookMs.toFixed(1)} ${bench.state} ${bench.cause}`)
    seen.push(`cleared while pulled: ${bench.kernel.clear()}`)
  }
  return [...seen, ...latches(wasm), ...waits(wasm), ...turns(hotEnd)].join('\n')
}

const latches = (wasm: Uint8Array<ArrayBuffer>): string[] =>
  [causeKinds['loop_trap'] ?? 0, causeKinds['over_current'] ?? 0].flatMap((cause) =>
    [0, 99_000, 101_000].map((pulled) => {
      const bench = new KernelBench(wasm, cause, true)
      // A short release ends the gesture.
      bench.readings['trigger'] = pulled > 0 ? 80 : 0
      const passed = bench.stepsPassed(pulled)
      bench.readings['trigger'] = 0
      const after = bench.stepsPassed(10)
      bench.readings['trigger'] = 80
      const later = bench.stepsPassed(101_000)
      bench.readings['trigger'] = 0
      return [cause, pulled, passed, after, later, bench.stepsPassed(400), bench.state].join(' ')
    }),
  )

const waits = (wasm: Uint8Array<ArrayBuffer>): string[] => {
  const pulled = new KernelBench(wasm)
  pulled.readings['trigger'] = 50
  const idle = new KernelBench(wasm)
  const armed = idle.stepsPassed(400)
  idle.readings['pack_voltage'] = 5
  const low = idle.stepsPassed(600)
  const hot = new KernelBench(wasm)
  hot.readings['pack_temperature'] = 80
  return [`waits ${pulled.stepsPassed(3000)} ${armed} ${low} ${hot.stepsPassed(3000)}`]
}

const turns = (hotEnd: Uint8Array<ArrayBuffer>): string[] =>
  ['loop_trap', 'above'].flatMap((kind) =>
    [4, 5].map((times) => {
      const state = turned(hotEnd, causeKinds[kind] ?? 0, { times, everyMs: 300 })
      return `turned ${kind} ${times} ${state}`
    }),
  )

const all = mutants()
const chosen = long ? all : all.filter((_, i) => i % 13 === 4)

test(
  `${chosen.length} of ${all.length} checks are missed when they are gone`,
  async () => {
    expect(all.length).toBeGreaterThan(24)
    const expected = behaviour(await kernels())
    const survivors: string[] = []
    for (const mutant of chosen) {
      const built = await buildMutant(mutant)
      let now: string
      try {
        now = behaviour(built)
      } catch (error) {
        now = String(error)
      }
      if (now === expected) survivors.push(`${mutant.file}:${mutant.line}: ${mutant.what}`)
    }
    expect(survivors).toEqual([])
  },
  long ? 600_000 : 60_000,
)
