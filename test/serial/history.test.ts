// Sessions of boards as they once were, from files that are history: a gateway of today makes of
// each what the one of that day did, also when two versions have come since, and refuses what is
// older or newer than it understands.
import { expect, test } from 'vitest'
import { receiveEntry } from '../../gateway/attestation/entry.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import {
  decodeMessage,
  fromBoard,
  type Protocol,
  protocol,
  understood,
  versionsBack,
} from '../../gateway/sources/serial/messages.ts'
import { expectedOf, framesIn, play, readSession, sessions } from './history/session.ts'

const versionOf = (name: string): number => Number(readSession(name).about.get('protocol'))
/** The gateway of a later day: so many versions on, the old decoders still as they are. */
const later = (name: string, versions: number): Protocol => {
  const version = versionOf(name)
  const old = protocol.decoders[version]
  if (old === undefined) throw new Error(`version ${version} has no decoder any more`)
  const decoders = Object.fromEntries(
    Array.from({ length: versions + 1 }, (_, i) => [version + i, old]),
  )
  return { newest: version + versions, decoders }
}

test.each(sessions())('%s: as it was', (name) => {
  const session = readSession(name)
  const { lines, status, spoken } = play(session, protocol)
  expect(lines).toEqual(expectedOf(name))
  expect([status.state, spoken]).toEqual(['speaking', [versionOf(name)]])
  expect([status.damaged, status.malformed, status.dropped]).toEqual([0, 0, 0])
  // The machine file beside it is the one that the board stated.
  expect(profileDigest(session.machine.profile)).toMatch(
    new RegExp(`^${session.about.get('digest')?.split(' ')[0]}$`),
  )
})

test.each(sessions())('%s: has every kind of message, and entries that verify', (name) => {
  const { frames } = readSession(name)
  const said = frames.flatMap(({ from, bytes }) => (from === 'board' ? framesIn(bytes) : []))
  const kinds = new Set(said.map(({ kind }) => kind))
  expect(Object.entries(fromBoard).filter(([, kind]) => !kinds.has(kind))).toEqual([])
  const parts = new Map<number, Uint8Array[]>()
  for (const frame of said) {
    const decoded = decodeMessage(frame, protocol)
    const message = decoded.ok ? decoded.message : undefined
    if (message?.is !== 'item' || message.kind !== 3) continue
    const list = parts.get(message.number) ?? []
    if (message.at === Buffer.concat(list).length) list.push(message.bytes)
    parts.set(message.number, list)
  }
  const types = [...parts.values()].map((list) => receiveEntry(Buffer.concat(list)).entry.type)
  expect(types[0]).toBe('made')
})

test('each version that is understood has a session of each machine', () => {
  const machines = ['cordless_drill', 'earth_block_press', 'hot_end']
  const there = sessions().map(
    (name) => `${versionOf(name)} ${readSession(name).about.get('machine')}`,
  )
  for (const version of understood(protocol)) {
    for (const machine of machines) expect(there).toContain(`${version} ${machine}`)
  }
})

test.each(sessions())(
  '%s: with one and two versions since, it is greeted and heard as ever',
  (name) => {
    const version = versionOf(name)
    for (const since of [1, versionsBack]) {
      const { lines, greeted, spoken, status } = play(readSession(name), later(name, since))
      expect(lines).toEqual(expectedOf(name))
      // A board hears its own version only: it is greeted in each, and spoken to in its own.
      expect(greeted).toEqual(Array.from({ length: since + 1 }, (_, i) => version + i))
      expect([spoken, status.state]).toEqual([[version], 'speaking'])
    }
  },
)

test.each(sessions())(
  '%s: refused, with three versions since, and from the next version',
  (name) => {
    const version = versionOf(name)
    const old = play(readSession(name), later(name, versionsBack + 1))
    expect([old.lines, old.status.state, old.status.refusal?.code]).toEqual([
      [],
      'refused',
      'version',
    ])
    const [first, second, third] = [version + 1, version + 2, version + 3]
    expect(old.notes).toEqual([
      `refused: the board speaks protocol version ${version}, ` +
        `this gateway ${first}, ${second}, ${third}`,
    ])
    const { newest } = protocol
    const next = play(readSession(name), protocol, (frame) => ({ ...frame, version: newest + 1 }))
    expect([next.lines, next.status.refusal?.code]).toEqual([[], 'version'])
    const speaks = understood(protocol).join(', ')
    expect(next.notes).toEqual([
      `refused: the board speaks protocol version ${newest + 1}, this gateway ${speaks}`,
    ])
  },
)
