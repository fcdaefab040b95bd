// NASA's cells as units of a gateway: their records go through the pipeline into the store, and
// what it says of capacity is held against NASA's own figures.
import { afterEach, describe, expect, it } from 'vitest'
import { prepareMachine } from '../../gateway/core/machine.ts'
import type { BatteryCapacity } from '../../gateway/core/queries.ts'
import { columns, mostDischarges } from '../../gateway/lifecycle/battery.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { sharedData } from '../data.ts'
import { numbers } from '../durability/textbook.ts'
import { drill, hello, report, startUs } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

const nasa = sharedData('nasa-battery')
const folders: StoreFolder[] = []

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const signal = (unit: string) => ({ description: 'x', unit, type: 'number', direction: 'input' })

/** A cell of 2 Ah, tested until it gives 1.4 Ah. */
const cellProfile = (cutoffV: number): Profile =>
  ({
    ...drill.profile,
    ...{ machine: 'test_cell', events: [], loops: {}, twin: undefined, boards: {} },
    signals: { volts: signal('V'), amps: signal('A'), celsius: signal('Cel') },
    counters: { run_time: { description: 'x', unit: 's', role: 'run_time' } },
    uptime: undefined,
    maintenance: [
      { task: 'replace', description: 'x', part: 'cell', figure: 'battery_health', below: 0.7 },
    ],
    parts: { cell: { description: 'x', weight: 1 } },
    wear: {
      ...{ histograms: [], fatigue: [], bearings: [] },
      battery: {
        ...{ part: 'cell', voltage: 'volts', current: 'amps', temperature: 'celsius' },
        ...{ leastStepA: 0.5, capacityC: 7200, resistanceLimit: 2 },
        cells: { fullV: 4.1, cutoffV, endOfLife: 0.7 },
      },
    },
  }) as unknown as Profile

const daySeconds = 86_400

class Tester {
  readonly made: StoreFolder
  readonly unit: string
  #seq = 0
  #seconds = 0

  constructor(unit: string, cutoffV: number) {
    this.unit = unit
    const machine = prepareMachine(cellProfile(cutoffV))
    this.made = new StoreFolder({ machines: new Map([['test_cell', machine]]) })
    folders.push(this.made)
  }

  /** Runs every discharge of a file, half a day apart; what is known after each. */
  async run(cell: string): Promise<(BatteryCapacity | undefined)[]> {
    const what = { unit: this.unit, machine: 'test_cell' }
    await this.made.feed([hello({ boot: 1, t: 0 }, what)])
    const cycles = Map.groupBy(numbers(`${nasa}/${cell}.csv`), (row) => row[6] as number)
    const known: (BatteryCapacity | undefined)[] = []
    for (const rows of cycles.values()) {
      const bodies = rows.map(([volts, amps = 0, celsius, , , seconds = 0]) => {
        const t = Math.round((this.#seconds + seconds) * 1e6)
        const v = { volts, amps: -amps, celsius }
        const c = { run_time: Math.round(this.#seconds + seconds) }
        return report({ boot: 1, seq: this.#seq++, t, v, c }, { ...what, receivedUs: startUs + t })
      })
      await this.made.feed(bodies)
      this.#seconds += daySeconds / 2
      known.push(this.life().wear?.battery?.capacity)
    }
    return known
  }

  life() {
    const nowUs = startUs + this.#seconds * 1e6
    return this.made.store.queries.life({ unit: this.unit, nowUs })
  }
}

describe.skipIf(!nasa)('a cell of NASA Ames at the gateway', () => {
  it.each([
    ['B0005', 2.7, 125],
    ['B0006', 2.5, 109],
  ] as const)(
    '%s: capacities within 2 %%, end of life within 3 cycles',
    async (cell, cutV, end) => {
      const tester = new Tester(cell.toLowerCase(), cutV)
      const known = await tester.run(cell)
      const published = numbers(`${nasa}/${cell}_published_capacity.csv`).map((row) => row[4])
      // A discharge has ended when the cell is seen full again.
      for (const [i, capacity] of known.slice(1).entries()) {
        expect((capacity?.newestAh ?? 0) / (published[i] ?? 1)).toBeGreaterThan(0.98)
        expect((capacity?.newestAh ?? 0) / (published[i] ?? 1)).toBeLessThan(1.02)
      }
      const last = known.at(-1)
      expect(Math.abs((last?.endCycle ?? 0) - end)).toBeLessThanOrEqual(3)
      expect(last).toMatchObject({ ended: known.length - 1, accepted: known.length - 1, unseen: 0 })
      const state = tester.made.store.queries.state(tester.unit)
      expect(state?.life.pack?.ended.length).toBeLessThanOrEqual(columns * mostDischarges)
    },
  )

  it('B0005: sees the recoveries after rests, wants a new cell, and knows how long it lasts', async () => {
    const tester = new Tester('b0005', 2.7)
    const known = await tester.run('B0005')
    const recovered = known.flatMap((capacity, i) => (capacity?.recovered ? [i] : []))
    // As the data set's README names them, and the rise of the last two records.
    expect(recovered).toEqual([20, 31, 48, 90, 120, 151, 167])
    const { maintenance, wear } = tester.life()
    expect(maintenance[0]).toMatchObject({ task: 'replace', by: 'condition', state: 'due' })
    expect(wear?.left?.sources.map(({ name, by }) => [name, by])).toContainEqual([
      'battery_health',
      'condition',
    ])
  })

  it('B0033: discharges that were cut short count for nothing', async () => {
    const tester = new Tester('b0033', 2)
    const known = await tester.run('B0033')
    const last = known.at(-1)
    expect(last?.partial).toBeGreaterThanOrEqual(1)
    expect((last?.ended ?? 0) - (last?.accepted ?? 0)).toBeGreaterThanOrEqual(7)
    expect(last?.health).toBeGreaterThan(0.6)
  })
})
