// Anybody's CSV and the command: every fault named by row, column and remedy; good rows only on
// demand, and counted in every result; charts that are well-formed.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, summary, usage } from '../../gateway/cli/durability.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { lifeReport } from '../../gateway/durability/analyse.ts'
import { editDistance, readDate, readNumber, readSheet } from '../../gateway/durability/csv.ts'
import { Refusal } from '../../gateway/durability/refusal.ts'
import { show, textTable } from '../../gateway/durability/report.ts'
import { historiesFromSheet, livesFromSheet } from '../../gateway/durability/rows.ts'
import { linearAxis, logAxis } from '../../gateway/durability/svg.ts'
import { expectRefusal } from './expect.ts'
import { TEXTBOOK } from './textbook.ts'

describe('a sheet', () => {
  it('reads quotes, line breaks in cells, CRLF, a mark at the start, ; and tab', () => {
    const sheet = readSheet('\uFEFFa;"b ""x""";c\r\n1;"two\nlines";3\r\n\r\n4;5;6\n')
    expect(sheet.header).toEqual(['a', 'b "x"', 'c'])
    expect(sheet.rows).toEqual([
      { line: 2, cells: ['1', 'two\nlines', '3'] },
      { line: 5, cells: ['4', '5', '6'] },
    ])
    expect(readSheet('a\tb\n1\t2').rows[0]?.cells).toEqual(['1', '2'])
    expectRefusal(() => readSheet('a,b\n"1,2\n'), 'bad_row')
    expectRefusal(() => readSheet(' \n'), 'bad_column')
  })

  it('gives back what was written, whatever the cells hold', () => {
    const cell = fc.stringMatching(/^[a-z"',;. 0-9]{1,8}$/).map((s) => s.trim() || 'x')
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 10 }), (rows) => {
        const quote = (s: string) => `"${s.replaceAll('"', '""')}"`
        const text = ['p,q', ...rows.map((r) => r.map(quote).join(','))].join('\n')
        expect(readSheet(text).rows.map((r) => r.cells)).toEqual(rows)
      }),
    )
  })

  it('never fails but by a refusal, on any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => {
        try {
          livesFromSheet(readSheet(text), {})
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('reads numbers with units, and says why others are none', () => {
    expect(readNumber('1.5e3')).toEqual({ value: 1500, unit: '' })
    expect(readNumber('12 h')).toEqual({ value: 12, unit: 'h' })
    expect(readNumber('12,5')).toMatchObject({ reason: 'has a comma' })
    expect(readNumber('1 200')).toMatchObject({ reason: 'has marks between thousands' })
    expect(readNumber('')).toMatchObject({ reason: 'is empty' })
    expect(readNumber('x')).toMatchObject({ reason: 'is no number' })
    expect(readDate('2024-02-30')).toMatchObject({ reason: 'is no date' })
    expect(readDate('2024-01-01 06:00')).toEqual({ value: Date.UTC(2024, 0, 1, 6) })
    expect(editDistance('hors', 'hours')).toBe(1)
  })
})

/** A fault in one row of otherwise good ones. */
const problemsOf = (text: string, names = {}) =>
  livesFromSheet(readSheet(text), names, true).problems

describe('faults in columns', () => {
  const good = 'hours,status\n10,1\n20,0\n30,1\n'
  it('names the missing and the misnamed one with the nearest', () => {
    expect(
      expectRefusal(() => livesFromSheet(readSheet(good), { age: 'hurs' }), 'bad_column').remedy,
    ).toBe('Did you mean --age hours')
    const missing = expectRefusal(
      () => livesFromSheet(readSheet('foo,bar\n1,2\n'), {}),
      'bad_column',
    )
    expect(missing.remedy).toContain('--age')
    expect(missing.reason).toContain('foo, bar')
  })

  it('names the duplicated one', () => {
    const twice = 'hours,status,Hours,hours\n1,1,2,3\n'
    expect(
      expectRefusal(() => livesFromSheet(readSheet(twice), {}), 'bad_column').reason,
    ).toContain('columns 1 and 4')
  })

  it('wants both dates or none', () => {
    const text = 'made,seen,status\n2024-01-01,2024-01-02,1\n'
    expectRefusal(() => livesFromSheet(readSheet(text), { made: 'made' }), 'bad_column')
    const dated = livesFromSheet(readSheet(text), { made: 'made', at: 'seen' })
    expect(Array.from(dated.lives.lower)).toEqual([24])
    expect(dated.ageUnit).toBe('h')
  })
})

describe('faults in rows', () => {
  it.each([
    ['text in a number', 'hours,status\n10,1\nabc,0\n', {}, 3, 'hours', 'is no number'],
    ['a negative age', 'hours,status\n10,1\n-4,0\n', {}, 3, 'hours', 'is a negative age'],
    ['an age of zero', 'hours,status\n10,1\n0,0\n', {}, 3, 'hours', 'is an age of zero'],
    [
      'mixed units',
      'hours,status\n10 h,1\n5 h,0\n2 d,0\n',
      {},
      4,
      'hours',
      'has "d" where most rows have "h"',
    ],
    [
      'another status',
      'hours,status\n10,1\n11,perhaps\n',
      {},
      3,
      'status',
      'is neither failed nor censored',
    ],
    [
      'an event before it was made',
      'hours,status,m,s\n10,1,2024-01-01,2024-01-02\n9,1,2024-01-03,2024-01-02\n',
      { made: 'm', at: 's' },
      3,
      's',
      'is before the unit was made (2024-01-03)',
    ],
    [
      'two units with one serial',
      'hours,status,sn\n10,1,A\n9,1,B\n8,0,A\n',
      { unit: 'sn' },
      4,
      'sn',
      'is the serial number of line 2 too',
    ],
    [
      'entry after exit',
      'hours,status,from\n10,1,0\n9,1,12\n',
      { entry: 'from' },
      3,
      'from',
      'is not before the age 9',
    ],
    [
      'a row too short',
      'hours,status,x\n10,1,a\n9,1\n',
      {},
      3,
      'status',
      'ends a row of 2 cells where the header has 3',
    ],
  ] satisfies [string, string, object, number, string, string][])('%s', (...row) => {
    const [, text, names, line, column, reason] = row
    const problems = problemsOf(text, names)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ line, column, reason })
    expect(problems[0]?.remedy.length).toBeGreaterThan(10)
    const refusal = expectRefusal(() => livesFromSheet(readSheet(text), names), 'bad_row')
    expect(refusal.reason).toContain(`line ${line}, column ${column}`)
    expect(refusal.remedy).toContain('--skip-bad-rows')
    const kept = livesFromSheet(readSheet(text), names, true)
    expect(kept.leftOut).toBe(1)
    expect(kept.lives.lower.length).toBe(kept.rows - 1)
  })

  it('says how many of the rows left out had not failed', () => {
    const text = 'hours,status\n10,failed\n20,failed\nNA,censored\n,silent\nNA,failed\n30,ok\n'
    const kept = livesFromSheet(readSheet(text), {}, true)
    expect([kept.leftOut, kept.leftOutRunning]).toEqual([4, 2])
    const { lines } = lifeReport({ ...kept, confidence: 0.9, target: 10 })
    expect(lines.join('\n')).toContain('WARNING: 2 of those had not failed')
    const whole = livesFromSheet(readSheet('hours,status\n10,failed\n20,censored\n'), {}, true)
    const report = lifeReport({ ...whole, confidence: 0.9, target: 10 })
    expect(report.lines.join('\n')).not.toContain('WARNING')
  })

  it('says what belongs into an empty date of an end', () => {
    const text = 'born,end,status\n2020-01-01,,censored\n2020-01-01,2021-01-01,failed\n'
    const [problem] = problemsOf(text, { made: 'born', at: 'end' })
    expect(problem).toMatchObject({ line: 2, column: 'end', reason: 'is empty' })
    expect(problem?.remedy).toContain('the day when it was last known to run')
  })

  it('keeps words for fates, counts, entries and modes', () => {
    const text = 'hours,status,n,from,why\n10,failed,2,0,gear\n20,Censored,3,5,\n30,silent,1,0,\n'
    const read = livesFromSheet(readSheet(text), { count: 'n', entry: 'from', mode: 'why' })
    expect(read.fate).toEqual(['failed', 'running', 'silent'])
    expect(Array.from(read.lives.weight ?? [])).toEqual([2, 3, 1])
    expect(Array.from(read.lives.entry ?? [])).toEqual([0, 5, 0])
    expect(read.mode).toEqual(['gear', '', ''])
  })
})

describe('histories', () => {
  it('reads events and ends by machine', () => {
    const text = 'system,time,event\n1,5,1\n1,17,0\n2,6,1\n2,13,1\n2,19,0\n'
    const { histories, machines } = historiesFromSheet(readSheet(text), {})
    expect(machines).toEqual(['1', '2'])
    expect(histories.map((h) => [Array.from(h.events), h.end])).toEqual([
      [[5], 17],
      [[6, 13], 19],
    ])
  })

  it('names an event after the end of watching', () => {
    const text = 'system,time,event\n1,5,1\n1,3,0\n1,7,1\n'
    const refusal = expectRefusal(() => historiesFromSheet(readSheet(text), {}), 'bad_row')
    expect(refusal.reason).toContain('line 4, column time')
  })
})

describe('text and axes', () => {
  it('shows numbers for people', () => {
    expect(show(26296.845)).toBe('26,297')
    expect(show(0.0123456)).toBe('0.01235')
    expect(show(Number.POSITIVE_INFINITY)).toBe('no limit')
    expect(show(1e12)).toBe('1.000e+12')
    expect(
      textTable([
        ['a', 'b'],
        ['x', '1'],
        ['yy', '22'],
      ]),
    ).toEqual(['a    b', '--  --', 'x    1', 'yy  22'])
  })

  it('has ticks within the axis, in order, at most a dozen named', () => {
    const ends = fc.tuple(
      fc.double({ min: 1e-3, max: 1e5, noNaN: true }),
      fc.double({ min: 1.2, max: 1e6, noNaN: true }),
    )
    fc.assert(
      fc.property(ends, ([low, factor]) => {
        for (const axis of [
          linearAxis('x', [low, low * factor]),
          logAxis('x', [low, low * factor]),
        ]) {
          const at = axis.ticks.map((t) => axis.to(t.value))
          expect(at).toEqual([...at].sort((p, q) => p - q))
          for (const v of at) {
            expect(v).toBeGreaterThanOrEqual(axis.low - 1e-6 * Math.abs(axis.low) - 1e-9)
            expect(v).toBeLessThanOrEqual(axis.high + 1e-6 * Math.abs(axis.high) + 1e-9)
          }
          expect(axis.ticks.filter((t) => t.label !== '').length).toBeLessThanOrEqual(14)
        }
      }),
    )
  })
})

/** Opening and closing tags match, and no coordinate is NaN: enough for a viewer to draw it. */
const expectDrawable = (svg: string): void => {
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  const open: string[] = []
  for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (close) expect(open.pop()).toBe(name)
    else if (!self) open.push(name as string)
  }
  expect(open).toEqual([])
}

describe('tenfold durability', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'durability-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const call = async (...args: string[]) => {
    const out: string[] = []
    const err: string[] = []
    const io = {
      out: (line: string) => out.push(line),
      err: (line: string) => err.push(line),
      env: {},
      cwd: folder,
      signal: new AbortController().signal,
    }
    const code = await run(args, io)
    return { code, out: out.join('\n'), err: err.join('\n') }
  }

  it.skipIf(!TEXTBOOK)('analyses genfan: table and plot', async () => {
    const { code, out } = await call(`${TEXTBOOK}/genfan.csv`, '--plot', 'fan.svg')
    expect(code).toBe(0)
    expect(out).toContain('70 units: 12 failed, 58 still running')
    expect(out).toMatch(/eta\s+26,296.8/)
    expect(out).toMatch(/B10\s+3,137.24/)
    const svg = await readFile(join(folder, 'fan.svg'), 'utf8')
    expectDrawable(svg)
    expect(svg).toContain('Probability of failure')
    expect(svg).toContain('age (h)')
  })

  it.skipIf(!TEXTBOOK)('analyses repaired machines: MCF, trend in place of a mean', async () => {
    const { out } = await call(`${TEXTBOOK}/MCF_1.csv`, '--repairable', '--plot', 'mcf.svg')
    expect(out).toMatch(/25\s+2\s+3.667/)
    expect(out).toContain('no mean time between failures is given')
    expectDrawable(await readFile(join(folder, 'mcf.svg'), 'utf8'))
  })

  it('counts what was left out with every result, and refuses without the flag', async () => {
    await writeFile(join(folder, 'bad.csv'), 'hours,status\n10,1\n20,1\n35,0\n40,1\nabc,0\n')
    await expect(call('bad.csv')).rejects.toBeInstanceOf(OperatingError)
    const { out, err } = await call('bad.csv', '--skip-bad-rows', '--plot', 'bad.svg')
    expect(out).toContain('1 rows left out')
    expect(err).toContain('line 6, column hours: "abc" is no number')
    const svg = await readFile(join(folder, 'bad.svg'), 'utf8')
    expect(svg.match(/1 rows left out/g)?.length).toBe(2)
  })

  it('judges a claim against a reference, and offers Weibayes without failures', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => `${100 + 7 * i},${i % 3 ? 1 : 0}`)
    await writeFile(join(folder, 'old.csv'), ['hours,status', ...rows].join('\n'))
    await writeFile(join(folder, 'new.csv'), 'hours,status\n900,0\n1200,0\n1500,silent\n')
    const { out } = await call('new.csv', '--reference', 'old.csv', '--beta', '2')
    expect(out).toMatch(/ten times longer: not yet shown, at least [\d.]+ times at 90 % confidence/)
    expect(out).toContain('with the shape taken as 2')
    expect(out).toContain('Weibayes')
    const priced = await call('old.csv', '--planned-cost', '1', '--failure-cost', '20')
    expect(priced.out).toMatch(/replace at \d+/)
  })

  it('reads inspections and draws their fit without points', async () => {
    const rows = ['0,186,5', '186,606,16', '606,902,12', '902,1077,18', '1077,1209,18']
    const last = ['1209,1377,2', '1377,1592,6', '1592,1932,17', '1932,,73']
    await writeFile(join(folder, 'cracks.csv'), ['a,b,n', ...rows, ...last].join('\n'))
    const flags = ['--after', 'a', '--before', 'b', '--count', 'n', '--plot', 'cracks.svg']
    const { out } = await call('cracks.csv', ...flags, '--reference-b10', '100')
    expect(out).toContain('167 units: 94 failed, 73 still running')
    expect(out).toMatch(/beta\s+1.4847/)
    expect(out).toContain('ten times longer: not so')
    const svg = await readFile(join(folder, 'cracks.svg'), 'utf8')
    expectDrawable(svg)
    expect(svg).toContain('inspected, so without points')
    await writeFile(join(folder, 'wrong.csv'), 'a,b,n\n10,5,1\n,,1\n3,9,1\n')
    const refused = call('wrong.csv', ...flags).catch((e: Error) => e.message)
    expect(await refused).toContain('line 2, column b: "5" is before it was last seen working')
    expect(await refused).toContain('line 3, column b: "" and the other age are both empty')
  })

  it('compares repaired machines at equal ages', async () => {
    const text = (gap: number) =>
      [
        'machine,age,event',
        ...[1, 2, 3, 4, 5, 6].flatMap((m) => {
          const events = Array.from(
            { length: Math.floor(100 / gap) },
            (_, i) => (i + 1) * gap - m / 10,
          )
          return [...events.map((t) => `${m},${t},1`), `${m},110,0`]
        }),
      ].join('\n')
    await writeFile(join(folder, 'a.csv'), text(90))
    await writeFile(join(folder, 'b.csv'), text(10))
    const { out } = await call('a.csv', '--repairable', '--reference', 'b.csv', '--at-age', '105')
    expect(out).toContain('estimate 10 times, compared at 105')
    expect(out).toMatch(/ten times longer: not yet shown, at least [\d.]+ times at 90 % confidence/)
  })

  it('explains wrong calls', async () => {
    const code = (p: Promise<unknown>) =>
      p.then(
        () => '',
        (e: OperatingError) => e.code,
      )
    expect(await code(call())).toBe('arguments_wrong')
    expect(await code(call('a.csv', '--colour', 'red'))).toBe('arguments_wrong')
    expect(await code(call('absent.csv'))).toBe('file_unreadable')
    await writeFile(join(folder, 'ok.csv'), 'hours,status\n10,1\n20,1\n')
    expect(await code(call('ok.csv', '--confidence', 'much'))).toBe('arguments_wrong')
    expect(await code(call('ok.csv', '--age', 'hour'))).toBe('bad_column')
    expect(summary.length).toBeLessThan(80)
    expect(usage).toContain('--skip-bad-rows')
  })
})
