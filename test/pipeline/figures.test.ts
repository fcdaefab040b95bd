// Figures of lives on their way to databases outside: all of them a round, none held up by another,
// what failed again the next time. And the totals that a daily point is made of.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LifeFigures, Sink } from '../../gateway/core/delivery.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { totalsAt } from '../../gateway/pipeline/counters.ts'
import {
  FiguresRound,
  figuresAgainUs,
  figuresEveryUs,
  type LifeSource,
} from '../../gateway/pipeline/figures.ts'
import { cohortFields, lifeFields, usedFieldOf } from '../../hardware-profiles/names.ts'
import { drill, hello, pipelineInMemory, report, startUs } from './feed.ts'

const source = (units: number): LifeSource => {
  const list = Array.from({ length: units }, (_, i) => ({
    ...{ unit: `drill-${i}`, machine: 'cordless_drill', simulated: i === 0 },
  }))
  return {
    units: () => list as never,
    life: ({ unit }) =>
      ({
        ...{ unit, steps: [], parts: [], failures: [{ reconciled: false }] },
        maintenance: [{ state: 'overdue' }, { state: 'due' }, { state: 'ok' }],
        shifts: [
          { toUs: 5, oee: undefined },
          { toUs: 4, oee: 0.5 },
        ],
        uptime: { availability: { lower: 0.2, upper: 0.9 }, failures: 3, hidden: 'no' },
        wear: {
          parts: [{ name: 'teeth', used: 0.25 }],
          left: { lower: 10, median: 20, upper: null },
          battery: { newestOhm: 0.08, capacity: { health: null } },
        },
      }) as never,
    durability: () =>
      [
        {
          ...{ machine: 'cordless_drill', units: 7, failures: 2, silent: 1, least: 2.5 },
          ...{ b10: undefined, repaired: { failures: 4 } },
        },
        { machine: 'nutrunner', units: 0 },
      ] as never,
  }
}

const sink = (name: string, fail: () => boolean = () => false) => {
  const taken: LifeFigures[][] = []
  const one: Pick<Sink, 'name' | 'figures'> = {
    name,
    figures: async (rows) => {
      if (fail()) throw new OperatingError('down', { message: 'it is down', remedy: 'wait' })
      taken.push([...rows])
    },
  }
  return { sink: one as Sink, taken }
}

const running = new AbortController().signal
const dayUs = 86_400_000_000

test('a round holds every unit and cohort once, what is not known left out', async () => {
  const { sink: one, taken } = sink('one')
  const options = { source: source(3), sinks: [one], referenceHours: 20 }
  const round = new FiguresRound(options, startUs)
  await round.step(startUs, running)
  expect(taken).toEqual([])
  const nowUs = startUs + 3600e6
  await round.step(nowUs, running)
  await round.step(nowUs + 1, running)
  const [cohort, first, ...others] = taken.flat()
  expect(others).toHaveLength(2)
  expect(cohort).toEqual({
    ...{ machine: 'cordless_drill', unit: undefined, simulated: false, dayUs: startUs },
    fields: {
      ...{ [cohortFields.units]: 7, [cohortFields.failures]: 2, [cohortFields.silent]: 1 },
      ...{ [cohortFields.claim]: 2.5, [cohortFields.repairs]: 4 },
    },
  })
  expect(first).toEqual({
    ...{ machine: 'cordless_drill', unit: 'drill-0', simulated: true },
    dayUs: Math.floor(nowUs / dayUs) * dayUs,
    fields: {
      ...{ [usedFieldOf('teeth')]: 0.25, [lifeFields.leftLow]: 10, [lifeFields.left]: 20 },
      ...{ [lifeFields.resistance]: 0.08, [lifeFields.oee]: 0.5, [lifeFields.failures]: 3 },
      ...{ [lifeFields.availableLow]: 0.2, [lifeFields.availableHigh]: 0.9 },
      ...{ [lifeFields.due]: 1, [lifeFields.overdue]: 1, [lifeFields.unreconciled]: 1 },
    },
  })
})

test('a sink that is down holds up no other, is shown, and gets them the next time', async () => {
  let down = true
  const [bad, good] = [sink('bad', () => down), sink('good')]
  const sinks = [bad.sink, good.sink]
  const round = new FiguresRound({ source: source(1200), sinks, referenceHours: undefined }, 0)
  await round.step(startUs, running)
  expect(good.taken.flat()).toHaveLength(1201)
  expect(bad.taken).toEqual([])
  expect(round.error('bad')?.code).toBe('down')
  expect(round.error('good')).toBeUndefined()
  down = false
  await round.step(startUs + figuresEveryUs, running)
  expect(bad.taken.flat()).toHaveLength(1201)
  expect(round.error('bad')).toBeUndefined()
})

test('a sink that is back has its figures soon, alone, and looks broken no longer', async () => {
  let down = true
  let lives = 0
  const counted = source(3)
  const life: LifeSource['life'] = (query) => {
    lives++
    return counted.life(query)
  }
  const [bad, good] = [sink('bad', () => down), sink('good')]
  const sinks = [bad.sink, good.sink]
  const options = { source: { ...counted, life }, sinks, referenceHours: undefined }
  const round = new FiguresRound(options, 0)
  await round.step(startUs, running)
  await round.step(startUs + figuresAgainUs - 1, running)
  await round.step(startUs + figuresAgainUs, running)
  // Nobody was back, and no life was worked out to find that.
  expect(lives).toBe(3)
  expect(round.error('bad')?.code).toBe('down')
  down = false
  await round.step(startUs + 2 * figuresAgainUs, running)
  expect(round.error('bad')).toBeUndefined()
  expect(bad.taken.flat()).toHaveLength(4)
  await round.step(startUs + 3 * figuresAgainUs, running)
  expect(good.taken.flat()).toHaveLength(4)
  expect(lives).toBe(6)
})

test('a unit that goes to another gateway meanwhile is left out, and ends nothing', async () => {
  const { sink: one, taken } = sink('one')
  const all = source(3)
  const gone = new OperatingError('unit_unknown', { message: 'it is gone', remedy: 'none' })
  const life: LifeSource['life'] = (query) => {
    if (query.unit === 'drill-1') throw gone
    return all.life(query)
  }
  const options = { source: { ...all, life }, sinks: [one], referenceHours: undefined }
  await new FiguresRound(options, 0).step(startUs, running)
  expect(taken.flat().map(({ unit }) => unit)).toEqual([undefined, 'drill-0', 'drill-2'])
})

test('totals as of a reading never shrink over swapped controllers, and end at the total', () => {
  const boots = fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(boots, (given) => {
      const pipeline = pipelineInMemory()
      const starts = drill.counterIndex.get('starts') ?? -1
      let before = 0
      let offset = 0
      given.forEach((steps, boot) => {
        pipeline.process(offset++, hello({ boot, t: 0 }))
        let count = 0
        steps.forEach((step, seq) => {
          count += step
          const body = { boot, seq, t: seq * 1000, c: { starts: count } }
          const outcome = pipeline.process(offset++, report(body))
          if (outcome.kind !== 'reading') throw new Error(outcome.kind)
          const total = totalsAt(outcome.state, outcome.reading)[starts] ?? -1
          expect(total).toBeGreaterThanOrEqual(before)
          expect(total).toBe(outcome.state.totals[starts])
          before = total
        })
      })
    }),
  )
})
