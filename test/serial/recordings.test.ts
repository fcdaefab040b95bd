// Recordings of a black box over one line, with a board that gives them as it should, a line that
// does anything to their frames, and a board that does not keep to what it states: what is kept is
// what the board has, or nothing.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { seeded } from '../../firmware/twin/plant.ts'
import { contentOf, keptIn, Shelf } from '../../gateway/sources/serial/shelf.ts'
import type { Heard } from './board.ts'
import { answerTo, recordingBytes } from './box.ts'
import { bodyOf, type Stand, speaking } from './stand.ts'
import { sleep } from './wire.ts'

const unit = 'cordless-drill-e6600102'
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-box-'))
  folders.push(folder)
  return folder
}

type Recordings = Map<number, Uint8Array>

interface Joined extends Stand {
  folder: string
  /** Lets the board answer what it was asked, through a line that may do something to it. */
  turn: (through?: (frame: Uint8Array) => Uint8Array[]) => Promise<void>
  /** Turns until it is so. */
  until: (so: () => boolean | Promise<boolean>, through?: Through) => Promise<void>
  asked: () => Heard[]
}
type Through = (frame: Uint8Array) => Uint8Array[]

const joined = (has: Recordings, folder = newFolder()): Joined => {
  const all = speaking({ shelf: new Shelf(folder) })
  const { board, line } = all
  const asked = (): Heard[] => board.heard.filter(({ kind }) => kind === 'askBlackBox')
  let answered = 0
  const turn: Joined['turn'] = async (through = (frame) => [frame]) => {
    all.pass(200)
    board.sayHello(Number(board.last('greet')?.[0]))
    all.settle()
    for (const { fields } of asked().slice(answered)) {
      answered += 1
      for (const frame of through(answerTo(board, fields, has))) line.receive(frame)
    }
    await sleep(0)
  }
  const until: Joined['until'] = async (so, through) => {
    while (!(await so())) await turn(through)
  }
  return { ...all, folder, turn, until, asked }
}

const partOf = ({ folder }: Joined): string | undefined => {
  const mine = join(folder, unit)
  const name = existsSync(mine) && readdirSync(mine).find((one) => one.endsWith('.part'))
  return name ? join(mine, name) : undefined
}
const kept = async ({ folder }: Joined): Promise<Uint8Array[]> =>
  Promise.all((await keptIn(folder, unit)).map(contentOf))
const events = ({ logged }: Stand): unknown[] =>
  logged.filter(({ topic }) => topic.endsWith('/recording')).map(bodyOf)

test('all that a board has is fetched, kept whole, and told of once', async () => {
  const has = new Map([2, 3].map((number) => [number, recordingBytes(number, number)]))
  const all = joined(has)
  await all.until(() => events(all).length === 2)
  await all.until(async () => (await keptIn(all.folder)).every(({ isTold }) => isTold))
  expect(await kept(all)).toEqual([...has.values()].map((bytes) => Buffer.from(bytes)))
  expect(events(all)[0]).toMatchObject({ boot: 3, number: 2, of: 4, cause: 33 })
  // What comes later is found, too; what is there is not asked for in parts again.
  const parts = (): number => all.asked().filter(({ fields }) => fields[1] === 1).length
  const before = parts()
  has.set(4, recordingBytes(4))
  await all.until(() => events(all).length === 3)
  expect(parts() - before).toBe(Math.ceil(3512 / 256))
  await all.until(async () => (await keptIn(all.folder)).every(({ isTold }) => isTold))
  const again = joined(has, all.folder)
  await again.until(() => again.asked().length > 3)
  expect(events(again)).toEqual([])
  expect(again.asked().every(({ fields }) => fields[1] === 0)).toBe(true)
})

test('after a lost line or a restart it goes on where it was', async () => {
  const has = new Map([[1, recordingBytes(1)]])
  const first = joined(has)
  let left = 6
  await first.until(
    () => left < 0,
    (frame) => (left-- > 0 ? [frame] : []),
  )
  first.line.close()
  // The last part is still on its way into the file.
  const length = (): number => {
    const file = partOf(first)
    return file === undefined ? 0 : readFileSync(file).length
  }
  while (length() < 5 * 256) await sleep(5)
  const there = length()
  expect(there).toBe(5 * 256)
  // What a cut of the power leaves of a part counts as nothing.
  appendFileSync(partOf(first) ?? '', 'torn')
  const second = joined(has, first.folder)
  await second.until(() => events(second).length === 1)
  expect(await kept(second)).toEqual([Buffer.from(recordingBytes(1))])
  const [which, part] = second.asked()
  expect([which?.fields.slice(1), part?.fields.slice(1)]).toEqual([
    [0, 0, 0],
    [1, 1, there],
  ])
})

describe('a line that', () => {
  const flip = (random: () => number, frame: Uint8Array): Uint8Array => {
    const flipped = Uint8Array.from(frame)
    const at = Math.floor(random() * frame.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    return flipped
  }
  const random = seeded(5)
  let held: Uint8Array | undefined
  const ways: Record<string, Through> = {
    doubles: (frame) => [frame, frame],
    reorders: (frame) => {
      const late = held
      held = frame
      return late === undefined ? [frame] : [frame, late]
    },
    flips: (frame) => [random() < 0.2 ? flip(random, frame) : frame],
    cuts: (frame) => [
      random() < 0.2 ? frame.subarray(0, Math.floor(random() * frame.length)) : frame,
    ],
    loses: (frame) => (random() < 0.2 ? [] : [frame]),
  }
  test.each(Object.keys(ways))('%s frames: what is kept is what the board has', async (way) => {
    const has = new Map([[1, recordingBytes(1)]])
    const all = joined(has)
    await all.until(() => events(all).length === 1, ways[way])
    expect(await kept(all)).toEqual([Buffer.from(recordingBytes(1))])
  })
})

test('a part that was damaged on the disk: fetched again from the start', async () => {
  const has = new Map([[1, recordingBytes(1)]])
  const folder = newFolder()
  const shelf = new Shelf(folder)
  const digest = createHash('sha256').update(recordingBytes(1)).digest('hex')
  await shelf.begun(unit, { digest, part: 256 })
  await shelf.add(unit, digest, new Uint8Array(1024))
  const all = joined(has, folder)
  await all.until(() => events(all).length === 1)
  expect(await kept(all)).toEqual([Buffer.from(recordingBytes(1))])
})

describe('is not kept', () => {
  const wrong = (change: (bytes: Uint8Array) => Uint8Array): Recordings =>
    new Map([
      [1, change(recordingBytes(1))],
      [2, recordingBytes(2)],
    ])
  test.each([
    {
      what: 'what is no recording',
      has: wrong((bytes) => bytes.with(700, (bytes[700] ?? 0) ^ 1)),
      said: /recording 1 .* is not what the board stated/,
    },
    {
      what: 'a recording under another number',
      has: wrong(() => recordingBytes(9)),
      said: /recording 1 .* is not what the board stated/,
    },
    {
      what: 'one recording behind another',
      has: wrong((bytes) => Buffer.concat([bytes, Buffer.alloc(4096 - bytes.length), bytes])),
      said: /recording 1 .* is not what the board stated/,
    },
  ])('$what; the next one is', async ({ has, said }) => {
    const all = joined(has)
    await all.until(() => events(all).length === 1)
    expect((await keptIn(all.folder)).map(({ number }) => number)).toEqual([2])
    expect(all.notes.filter((note) => said.test(note)).length).toBe(2)
    expect(partOf(all)).toBeUndefined()
  })

  test('what is longer than a recording can be, or behind the last one: not asked for', async () => {
    for (const fields of [
      [0, 1, 65_537, new Uint8Array(32)],
      [0, 1, 600, new Uint8Array(31)],
    ]) {
      const all = joined(new Map())
      const { board } = all
      await all.until(
        () => all.notes.some((note) => /cannot be one/.test(note)),
        () => [board.frame('blackBox', [Number(board.last('askBlackBox')?.[0]), ...fields])],
      )
      const before = all.asked().length
      for (let i = 0; i < 400; i += 1) await all.turn()
      expect([all.asked().length, before]).toEqual([1, 1])
    }
  })
})

test('parts of another recording, of another place or of another length are let go', async () => {
  const has = new Map([[1, recordingBytes(1)]])
  const all = joined(has)
  const random = seeded(6)
  const { board } = all
  const through: Through = (frame) => {
    const [number = 0, what, recording = 0, offset = 0] = (board.last('askBlackBox') ??
      []) as number[]
    if (what !== 1 || random() > 0.3) return [frame]
    const pick = Math.floor(random() * 3)
    const bytes = new Uint8Array(pick === 2 ? 200 : 256)
    const place = pick === 1 ? offset + 256 : offset
    return [
      board.frame('blackBox', [number, 1, pick === 0 ? recording + 1 : recording, place, bytes]),
    ]
  }
  await all.until(() => events(all).length === 1, through)
  expect(await kept(all)).toEqual([Buffer.from(recordingBytes(1))])
})

test('one that is written over meanwhile is let go, and the newer one fetched', async () => {
  const has = new Map([[1, recordingBytes(1)]])
  const all = joined(has)
  await all.until(() => partOf(all) !== undefined)
  has.clear()
  has.set(4, recordingBytes(4))
  await all.until(() => events(all).length === 1)
  expect((await keptIn(all.folder)).map(({ number }) => number)).toEqual([4])
  expect(partOf(all)).toBeUndefined()
})

test('a board without a black box is asked once, a busy one until it is at rest', async () => {
  const answering = (code: number, times: number): [Joined, Through] => {
    const all = joined(new Map([[1, recordingBytes(1)]]))
    let left = times
    const { board } = all
    const through: Through = (frame) =>
      left-- > 0
        ? [board.frame('result', [43, Number(board.last('askBlackBox')?.[0]), code])]
        : [frame]
    return [all, through]
  }
  const [without, unknown] = answering(1, 100)
  for (let i = 0; i < 400; i += 1) await without.turn(unknown)
  expect(without.asked().length).toBe(1)
  const [busy, later] = answering(6, 3)
  await busy.until(() => events(busy).length === 1, later)
})

test('nothing is asked while something else is', async () => {
  const all = joined(new Map([[1, recordingBytes(1)]]))
  await all.until(() => partOf(all) !== undefined)
  void all.line.questions.ask('update', [5, 0, new Uint8Array()])
  const before = all.asked().length
  for (let i = 0; i < 30; i += 1) await all.turn()
  // At most the part that was on its way; then the update has the line until it is unanswered.
  expect(all.asked().length - before).toBeLessThanOrEqual(1)
  await all.until(() => events(all).length === 1)
})

test('an event that the log does not take is told of again', async () => {
  const all = joined(new Map([[1, recordingBytes(1)]]))
  const { board, line } = all
  let answered = 0
  for (let failed = false; !failed; await sleep(0)) {
    all.pass(200)
    board.sayHello(Number(board.last('greet')?.[0]))
    failed = events(all).length === 1
    all.settle(failed ? new Error('disk full') : undefined)
    for (const { fields } of all.asked().slice(answered)) {
      answered += 1
      line.receive(answerTo(board, fields, new Map([[1, recordingBytes(1)]])))
    }
  }
  await sleep(20)
  expect((await keptIn(all.folder))[0]?.isTold).toBe(false)
  const again = joined(new Map([[1, recordingBytes(1)]]), all.folder)
  await again.until(async () => (await keptIn(all.folder))[0]?.isTold === true)
  expect(events(again).length).toBe(1)
})

describe('the shelf', () => {
  const keep = async (shelf: Shelf, of: string, number: number): Promise<void> => {
    const bytes = recordingBytes(number, number + of.length)
    const digest = createHash('sha256').update(bytes).digest('hex')
    await shelf.begun(of, { digest, part: 256 })
    await shelf.add(of, digest, bytes)
    const stated = { machine: 'cordless_drill', number, digest, receivedUs: number * 1000 }
    expect(await shelf.finish(of, stated)).toBeDefined()
  }
  const numbers = async (folder: string): Promise<string[]> =>
    (await keptIn(folder)).map((one) => `${one.unit} ${one.number}`)

  test('keeps so many of a unit and so many bytes in all, and lets the oldest go', async () => {
    const folder = newFolder()
    const shelf = new Shelf(folder, { perUnit: 3, bytes: 5 * 3512 })
    for (const number of [1, 2, 3, 4, 5]) await keep(shelf, 'a', number)
    expect(await numbers(folder)).toEqual(['a 3', 'a 4', 'a 5'])
    for (const number of [6, 7, 8]) await keep(shelf, 'bb', number)
    expect(await numbers(folder)).toEqual(['a 4', 'a 5', 'bb 6', 'bb 7', 'bb 8'])
    const tiny = new Shelf(folder, { perUnit: 3, bytes: 1 })
    await keep(tiny, 'ccc', 9)
    expect(await numbers(folder)).toEqual(['ccc 9'])
  })

  test('does not give out what the disk has changed', async () => {
    const folder = newFolder()
    await keep(new Shelf(folder), 'a', 1)
    const [one] = await keptIn(folder)
    if (one === undefined) throw new Error('nothing kept')
    appendFileSync(one.file, 'x')
    await expect(contentOf(one)).rejects.toMatchObject({ code: 'recording_damaged' })
  })
})
