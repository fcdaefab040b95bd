// The statements of the specification about edge nodes, by their ids, and what each means for what
// our edge node has sent. No text of the specification is repeated here.
import { expect } from 'vitest'
import { datatypes } from '../../gateway/sparkplug/payload.ts'
import type { EdgeWorld } from './edge-world.ts'
import { nowMs } from './stand.ts'
import { type Item, itemOf, type Sent } from './wire.ts'

export type Check = (world: EdgeWorld) => void
/** One check of several ids: each id is a test of its own. */
export type Checks = readonly (readonly [ids: string, check: Check])[]

const of = ({ sent }: EdgeWorld, kind: string): Sent[] => {
  const found = sent.filter((message) => message.kind === kind)
  // A check of nothing would always hold.
  expect(found.length).toBeGreaterThan(0)
  return found
}
const every =
  (kind: string, check: (message: Sent) => void): Check =>
  (world) =>
    of(world, kind).forEach(check)

const onTopic = (kind: string): Check => {
  const below = kind.startsWith('D') ? '/drill-[12]' : ''
  const form = new RegExp(`^spBv1\\.0/hall/${kind}/gate${below}$`)
  return every(kind, ({ topic }) => expect(topic).toMatch(form))
}
const qos0 = (kind: string): Check => every(kind, ({ qos }) => expect(qos).toBe(0))
const notRetained = (kind: string): Check => every(kind, ({ retain }) => expect(retain).toBe(false))
const plainMqtt =
  (kind: string): Check =>
  (world) => {
    qos0(kind)(world)
    notRetained(kind)(world)
  }
/** Minutes, for a slow machine: the nearest other time zone is a quarter of an hour away. */
const isNow = (time: number | undefined): void => {
  expect(Math.abs((time ?? 0) - nowMs())).toBeLessThan(600_000)
}
const stamped = (kind: string): Check => every(kind, ({ timestamp }) => isNow(timestamp))
const numbered = (kind: string): Check =>
  every(kind, ({ seq }) => {
    expect(seq).toBeGreaterThanOrEqual(0)
    expect(seq).toBeLessThanOrEqual(255)
  })

/** Each message of a session is one more than that before it; a birth begins at 0. */
const inSequence =
  (kind: string): Check =>
  (world) => {
    of(world, kind)
    let last: Sent | undefined
    for (const message of world.sent) {
      if (message.kind === 'NDEATH') continue
      const isBirth = message.kind === 'NBIRTH'
      if (message.kind === kind)
        expect(message.seq).toBe(isBirth ? 0 : ((last?.seq ?? 0) + 1) % 256)
      last = message
    }
  }

const complete = (item: Item): void => {
  expect(item.name).toBeTypeOf('string')
  expect(Object.values(datatypes)).toContain(item.datatype)
  expect(item.isNull === true).toBe(item.value === undefined)
}
const completeBirth = (kind: string): Check => every(kind, ({ items }) => items.forEach(complete))

const kindsOfData = ['NDATA', 'DDATA'] as const
const kindsOfBirth = ['NBIRTH', 'DBIRTH'] as const
const each =
  (kinds: readonly string[], check: (message: Sent, item: Item) => void): Check =>
  (world) => {
    for (const message of kinds.flatMap((kind) => of(world, kind))) {
      for (const item of message.items) check(message, item)
    }
  }

/** No item but those that the last birth has given an alias. */
const declared =
  (birth: string, data: string): Check =>
  (world) => {
    for (const message of of(world, data)) {
      const below = message.topic.split('/')[4]
      const born = world.sent.findLast(
        ({ kind, topic, at }) => kind === birth && at < message.at && topic.split('/')[4] === below,
      )
      for (const { alias } of message.items)
        expect(born?.items.map((i) => i.alias)).toContain(alias)
    }
  }

/** Nothing is said again that has not changed. */
const byException =
  (kind: 'NDATA' | 'DDATA'): Check =>
  (world) => {
    const last = new Map<string, unknown>()
    const birth = kind === 'NDATA' ? 'NBIRTH' : 'DBIRTH'
    for (const message of [...world.sent].sort((a, b) => a.at - b.at)) {
      if (message.kind !== birth && message.kind !== kind) continue
      for (const { alias, value, isHistorical } of message.items) {
        if (alias === undefined || isHistorical === true) continue
        if (message.kind === kind) expect(value).not.toBe(last.get(`${alias}`))
        last.set(`${alias}`, value)
      }
    }
    of(world, kind)
  }

const below = ({ topic }: Sent): string => topic.split('/')[4] ?? ''

/** Its node is born and has not died; of a unit also the unit, since that birth of its node. */
const afterBirths =
  (kind: string): Check =>
  (world) => {
    for (const message of of(world, kind)) {
      const before = world.sent.filter((m) => m.session === message.session && m.at < message.at)
      const node = before.findLastIndex((m) => m.kind === 'NBIRTH' || m.kind === 'NDEATH')
      expect(before[node]?.kind).toBe('NBIRTH')
      if (kind !== 'DDATA') continue
      const own = before.slice(node + 1).filter((m) => below(m) === below(message))
      const last = own.findLast((m) => m.kind === 'DBIRTH' || m.kind === 'DDEATH')
      expect(last?.kind).toBe('DBIRTH')
    }
  }

const bdSeqs = ({ wills }: EdgeWorld): unknown[] =>
  wills.map((will) => itemOf(will, 'bdSeq')?.value)
const everyWill =
  (check: (will: Sent) => void): Check =>
  ({ wills, connects }) => {
    expect(wills.length).toBe(connects.length)
    wills.forEach(check)
  }
const birthOfWill: Check = (world) => {
  for (const birth of of(world, 'NBIRTH')) {
    const value = itemOf(birth, 'bdSeq')?.value
    expect(value).toBe(bdSeqs(world)[birth.session])
  }
}
const rebirthItem = (check: (item: Item | undefined) => void): Check =>
  every('NBIRTH', (birth) => check(itemOf(birth, 'Node Control/Rebirth')))

const isAscending = (times: readonly number[]): void =>
  expect(times).toEqual(times.toSorted((a, b) => a - b))

/** Within a message, and of each item over all messages of its session. */
const chronological =
  (kinds: readonly string[]): Check =>
  (world) => {
    const told = new Map<string, number[]>()
    for (const message of kinds.flatMap((kind) => of(world, kind)).sort((a, b) => a.at - b.at)) {
      const items = message.items.filter(({ isHistorical }) => isHistorical !== true)
      if (message.kind.endsWith('DATA')) isAscending(items.map(({ timestamp = 0 }) => timestamp))
      for (const { alias, timestamp = 0, isNull } of items) {
        // A birth says null of what it has not heard yet: that is of no time before what it hears.
        if (alias === undefined || isNull === true) continue
        const item = `${message.session} ${below(message)} ${alias}`
        told.set(item, [...(told.get(item) ?? []), timestamp])
      }
    }
    const all = [...told.values()]
    // Of one word alone there is no order.
    expect(all.some(({ length }) => length > 1)).toBe(true)
    for (const times of all) isAscending(times)
  }

const quality: Check = (world) => {
  const found = of(world, 'DDATA').flatMap(({ items }) => items.flatMap((i) => i.properties ?? []))
  expect(found.length).toBeGreaterThan(0)
  for (const { keys, values } of found) {
    expect(values.length).toBe(keys.length)
    const value = values[keys.indexOf('Quality')]
    expect(value?.type).toBe(3)
    expect([0, 192, 500]).toContain(value?.intValue)
  }
}
const properties: Check = (world) => {
  const found = of(world, 'DBIRTH').flatMap(({ items }) => items.flatMap((i) => i.properties ?? []))
  expect(found.length).toBeGreaterThan(0)
  for (const { keys, values } of found) {
    expect(keys.length).toBe(values.length)
    for (const { type } of values) expect(Object.values(datatypes)).toContain(type)
  }
}
const farewell: Check = ({ tap, sent, gone }) => {
  const ends = tap.sent.flatMap(({ cmd }, at) => (cmd === 'disconnect' ? [at] : []))
  expect(ends.length).toBeGreaterThanOrEqual(3)
  // 3.1.1: the last word before each DISCONNECT; acknowledgements are none.
  for (const end of ends) {
    const last = sent.findLast(({ at }) => at < end)
    expect(last?.kind).toBe('NDEATH')
  }
  expect(ends.some((at) => at >= gone)).toBe(true)
}
const goneAndBack: Check = ({ sent, gone, back, restarted }) => {
  expect(sent.filter(({ at }) => at >= gone && at < back).map(({ kind }) => kind)).toEqual([
    'NDEATH',
  ])
  const after = sent.filter(({ at }) => at >= back && at < restarted)
  expect(after[0]?.kind).toBe('NBIRTH')
}
const waited: Check = ({ waiting, sent }) => {
  expect(waiting).toBe(0)
  expect(sent[0]?.kind).toBe('NBIRTH')
}
const rebirthDone: Check = ({ sent, asked }) => {
  const after = sent.filter(({ at }) => at >= asked).slice(0, 3)
  expect(after.map(({ kind }) => kind)).toEqual(['NBIRTH', 'DBIRTH', 'DBIRTH'])
  expect(after.map(({ seq }) => seq)).toEqual([0, 1, 2])
}
const ids =
  (place: number): Check =>
  ({ sent, wills }) => {
    for (const { topic } of [...sent, ...wills]) {
      const levels = topic.split('/')
      const id = levels[place]
      if (id === undefined) expect(levels[2]).toMatch(/^N/)
      else expect(id).toMatch(/^[^+#/\0]+$/u)
    }
  }
const aliasesUnique: Check = (world) => {
  for (const birth of of(world, 'NBIRTH')) {
    const next = world.sent.find(({ kind, at }) => kind === 'NBIRTH' && at > birth.at)?.at
    const end = next ?? Number.POSITIVE_INFINITY
    const all = world.sent
      .filter(({ kind, at }) => kind.endsWith('BIRTH') && at >= birth.at && at < end)
      .flatMap(({ items, topic }) => items.map(({ alias, name }) => ({ topic, alias, name })))
      .filter(({ alias }) => alias !== undefined)
    const owners = new Map(all.map(({ alias, topic, name }) => [alias, `${topic} ${name}`]))
    for (const { alias, topic, name } of all) expect(owners.get(alias)).toBe(`${topic} ${name}`)
  }
}

export const parts = {
  ...{ of, every, each, onTopic, qos0, notRetained, plainMqtt, isNow, stamped, numbered },
  ...{ inSequence, completeBirth, kindsOfData, kindsOfBirth, declared, byException, afterBirths },
  ...{ bdSeqs, everyWill, birthOfWill, rebirthItem, chronological, quality, properties, farewell },
  ...{ goneAndBack, waited, rebirthDone, ids, aliasesUnique },
}
