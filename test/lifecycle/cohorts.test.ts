// Life tables of units: who is in them and how, that they add over gateways, what a signed file
// holds and refuses, and what the claim meter says of it.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { unitsIn } from '../../gateway/durability/table.ts'
import { judgeCases, usualQuestion } from '../../gateway/lifecycle/claim-meter.ts'
import {
  type CohortUnit,
  casesOf,
  casesOfRows,
  cohortOf,
  silentDays,
} from '../../gateway/lifecycle/cohorts.ts'
import { newLife } from '../../gateway/lifecycle/life.ts'
import { addFiles, decodeTable, encodeTable } from '../../gateway/lifecycle/table-file.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { signerNamed } from '../attestation/world.ts'
import { refused, type TestIo, testIo } from '../cli/io.ts'

const drill = loadProfiles().profiles.get('cordless_drill') as Profile
const runTime = Object.keys(drill.counters).indexOf('run_time')
const dayUs = 86_400_000_000
const nowUs = 20_000 * dayUs

interface Fate {
  hours: number
  failed?: string
  quietDays?: number
  lifecycle?: CohortUnit['lifecycle']
  simulated?: boolean
  bornHours?: number
}

const unitOf = ({ hours, failed, quietDays = 0, bornHours = 0, ...more }: Fate): CohortUnit => {
  const life = newLife()
  life.bornHours = bornHours
  life.uptime.contactUs = nowUs - quietDays * dayUs
  if (failed !== undefined) life.failed = { part: failed, hours, timeUs: 0 }
  return {
    ...{ machine: 'cordless_drill', simulated: false, lifecycle: 'in_use', values: [], life },
    totals: Object.keys(drill.counters).map((_, i) => (i === runTime ? hours * 3.6e6 : null)),
    ...more,
  }
}

const cohort = (fates: readonly Fate[]) => cohortOf(drill, fates.map(unitOf), { nowUs })

/** Weibull quantiles: `count` units that fail, one in `every`; the others still run. */
const weibull = (count: number, eta: number, every = 1): Fate[] =>
  Array.from({ length: count }, (_, i) => {
    const hours = eta * (-Math.log(1 - (i + 0.5) / count)) ** (1 / 2)
    return i % every === 0 ? { hours, failed: i % 2 === 0 ? 'motor' : 'gearbox' } : { hours }
  })

const tableOf = (name: string, fates: readonly Fate[]): string => {
  const { publicKey, sign } = signerNamed(name)
  return encodeTable(cohort(fates), { name: `tenfold/${name}`, publicKey, sign }, nowUs)
}

describe('a cohort', () => {
  test('counts failed, running and silent units, and says whom it leaves out', () => {
    const { known, silent, leftOut, modes } = cohort([
      { hours: 100, failed: 'gearbox' },
      { hours: 50 },
      { hours: 30, quietDays: silentDays + 1 },
      { hours: 31, quietDays: silentDays + 1, lifecycle: 'retired' },
      { hours: 32, quietDays: silentDays + 1, failed: 'motor' },
      { hours: 70, simulated: true },
      { hours: 0 },
      { hours: 5, bornHours: 5 },
    ])
    expect([unitsIn(known), unitsIn(silent)]).toEqual([4, 1])
    expect(leftOut).toEqual({ simulated: 1, unused: 2 })
    const failed = known.failed.map(({ units }) => units.reduce((sum, n) => sum + n, 0))
    expect(failed[modes.indexOf('gearbox')]).toBe(1)
    expect(failed[modes.indexOf('motor')]).toBe(1)
  })

  test('is at its worst when its silent units have failed', () => {
    const fates: Fate[] = [...weibull(60, 300, 2), { hours: 9, quietDays: 900 }]
    const cases = casesOf(cohort(fates))
    const [best, worst] = [cases.best, cases.worst].map(
      (lives) => judgeCases({ best: lives, worst: lives, silent: 0 }, usualQuestion).failures,
    )
    expect([best, worst]).toEqual([30, 31])
    const { words } = judgeCases(cases, { ...usualQuestion, reference: { b10: 13 } })
    const least = 'at least [\\d.]+ times'
    const worse = `${least} if the silent unit has failed`
    const said = `ten times longer: not yet shown, ${least} at 90 % confidence; ${worse}`
    expect(words).toMatch(new RegExp(`^${said}$`))
  })

  test('says what is missing where it can say nothing else', () => {
    const none = judgeCases(casesOf(cohort([])), { ...usualQuestion, reference: { b10: 20 } })
    expect(none).toMatchObject({ units: 0, failures: 0, b10: undefined })
    expect(none.words).toMatch(/^Cannot be judged: /)
    expect(none.svg).toContain('<svg')
    const running = casesOf(cohort(Array.from({ length: 40 }, () => ({ hours: 500 }))))
    const question = { ...usualQuestion, reference: { b10: 20 } }
    expect(judgeCases(running, question).words).toContain('shape')
    expect(judgeCases(running, { ...question, assumedBeta: 1.5 }).words).toMatch(
      /^ten times longer: /,
    )
    expect(judgeCases(running, usualQuestion).words).toBe('No tool to compare with was named')
  })
})

describe('a signed table', () => {
  test('has no row of fewer than five units, no unit, and opens again', () => {
    const note = tableOf('one', [...weibull(203, 300, 3), ...weibull(4, 9000)])
    const file = decodeTable('one', note)
    for (const { running, failed } of [...file.known, ...file.silent]) {
      const units = failed.reduce((sum, group) => sum + group.units, running.units)
      expect(units).toBeGreaterThanOrEqual(5)
    }
    expect(file).toMatchObject({ cohort: 'cordless_drill version 1', k: 5, withheld: 0 })
    expect(file.vkey).toMatch(/^tenfold\/one\/tables\+/)
    expect(decodeTable('two', tableOf('two', weibull(4, 300))).withheld).toBe(4)
  })

  test('changed by one digit, cut, or of another form is refused', () => {
    const note = tableOf('one', weibull(50, 300))
    const refused = (text: string) => expect(() => decodeTable('t', text))
    refused(note.replace('"k":5', '"k":1')).toThrow(
      expect.objectContaining({ code: 'table_signature' }),
    )
    refused(note.slice(0, 200)).toThrow(expect.objectContaining({ code: 'table_signature' }))
    refused('a,b\n1,2\n').toThrow(expect.objectContaining({ code: 'table_signature' }))
    refused(note.replace('life table v1', 'life table v2')).toThrow(
      expect.objectContaining({ code: 'table_malformed' }),
    )
  })

  test('adds to those of other gateways: the B10 of the sum is that of all units', () => {
    const all = weibull(900, 300, 2)
    const part = (n: number): Fate[] => all.filter((_, i) => i % 3 === n)
    const files = [0, 1, 2].map(
      (n) => [`g${n}`, decodeTable(`g${n}`, tableOf(`g${n}`, part(n)))] as const,
    )
    const whole = judgeCases(casesOf(cohort(all)), usualQuestion)
    const sum = judgeCases(addFiles(files).cases, usualQuestion)
    expect(sum).toMatchObject({ units: 900, failures: whole.failures })
    expect((sum.b10?.value ?? 0) / (whole.b10?.value ?? 1)).toBeCloseTo(1, 2)
    const [first] = files as [(typeof files)[0]]
    expect(() => addFiles([first, ['again', first[1]]])).toThrow(/of one gateway/)
    const other = { ...first[1], cohort: 'cordless_drill version 2', vkey: 'x' }
    expect(() => addFiles([first, ['v2', other]])).toThrow(/version 2/)
  })

  test('of silent units counts them as failed in the worst case', () => {
    const rows = decodeTable(
      'q',
      tableOf(
        'q',
        weibull(6, 100).map(({ hours }) => ({ hours, quietDays: 99 })),
      ),
    )
    const { best, worst, silent } = casesOfRows(rows.known, rows.silent)
    expect(silent).toBe(6)
    const failures = (lives: typeof best): number =>
      judgeCases({ best: lives, worst: lives, silent: 0 }, usualQuestion).failures
    expect([failures(best), failures(worst)]).toEqual([0, 6])
  })
})

describe('tenfold durability add', () => {
  let io: TestIo
  beforeEach(async () => {
    io = await testIo()
  })
  afterEach(() => io.remove())

  test('says what the sum shows, and draws it', async () => {
    await writeFile(join(io.cwd, 'a.table'), tableOf('a', weibull(200, 300, 2)))
    await writeFile(join(io.cwd, 'b.table'), tableOf('b', weibull(100, 300, 2)))
    const more = ['--reference-b10', '6', '--plot', 'p.svg']
    expect(await io.tenfold('durability', 'add', 'a.table', 'b.table', ...more)).toBe(0)
    expect(io.lines[0]).toBe('cordless_drill version 1: 300 units of 2 gateways, 150 failures')
    expect(io.lines.join('\n')).toMatch(/B10: [\d.]+ h .*\nten times longer: shown, at least /s)
    expect(io.errors.join()).toContain('not pinned')
    expect(await readFile(join(io.cwd, 'p.svg'), 'utf8')).toContain('<svg')
  })

  test('with pinned keys takes only tables of those', async () => {
    await writeFile(join(io.cwd, 'a.table'), tableOf('a', weibull(200, 300, 2)))
    await writeFile(join(io.cwd, 'keys'), '')
    expect(await io.tenfold('durability', 'add', 'a.table', '--trust', 'keys')).toBe(1)
    expect(io.errors.join('\n')).toContain('is signed by tenfold/a/tables')
    const { vkey } = decodeTable('a', await readFile(join(io.cwd, 'a.table'), 'utf8'))
    await writeFile(join(io.cwd, 'keys'), `log ${vkey}\n`)
    expect(await io.tenfold('durability', 'add', 'a.table', '--trust', 'keys')).toBe(0)
  })

  test.each([
    [['add'], 'no table is given'],
    [['add', 'nothing.table'], 'cannot be read'],
    [['table'], '--out is missing'],
    [['add', 'a.table', '--beta=-1'], 'no number above 0'],
  ])('%j is refused', async (args, said) => {
    await writeFile(join(io.cwd, 'a.table'), tableOf('a', weibull(20, 300)))
    expect(await io.tenfold('durability', ...args)).toBe(refused(io))
    expect(io.errors.join('\n')).toContain(said)
  })
})
