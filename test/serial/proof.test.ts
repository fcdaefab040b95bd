// A board that is challenged: only the key that it stated, over this nonce and of this start, is
// proof. What the line says of it goes through the pipeline here, to the unit's events; whoever
// else says it, over MQTT, is put aside.
import { expect, test } from 'vitest'
import { concatBytes, utf8 } from '../../gateway/attestation/bytes.ts'
import { didOf } from '../../gateway/attestation/did.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import { Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { judgeProof } from '../../gateway/proof.ts'
import { readCommand } from '../../gateway/sources/serial/command.ts'
import { connect, startBroker, until } from '../mqtt/stand.ts'
import { bodyOf, profile, type Stand, stand } from './stand.ts'

const own = signerOfSeed(new Uint8Array(32).fill(3))
const stranger = signerOfSeed(new Uint8Array(32).fill(4))
const machines = new Map([[profile.machine, prepareMachine(profile)]])
const boot = 3
const helloUs = 1_000_000
const unit = 'cordless-drill-e6600102'

/** A board with a key, greeted and accepted. */
const keyed = (all: Stand = stand()): Stand => {
  const { board, settle } = all
  board.hello = { 14: Uint8Array.from(own.publicKey), 15: 2 }
  board.sayHello(Number(board.last('greet')?.[0]))
  settle()
  for (let at = 0; at < board.schema.length; at += 40) board.saySchema(at)
  all.line.tick()
  return all
}

const challenge = ({ board }: Stand): [number: number, nonce: Uint8Array] => {
  const [number, nonce] = board.last('challenge') ?? []
  return [Number(number), nonce as Uint8Array]
}

interface Said {
  signer?: typeof own
  nonce?: Uint8Array
  boot?: number
  t?: number
}

/** Boot, uptime and signature, as a board makes them. */
const answerTo = (all: Stand, said: Said = {}): Uint8Array => {
  const place = Buffer.alloc(12)
  place.writeUInt32LE(said.boot ?? boot, 0)
  place.writeBigUInt64LE(BigInt(said.t ?? helloUs + 5), 4)
  const nonce = said.nonce ?? challenge(all)[1]
  const signed = concatBytes(utf8('tenfold challenge 1\0'), nonce, place)
  return Uint8Array.from(concatBytes(place, (said.signer ?? own).sign(signed)))
}

/** The answer is judged after the message that has it. */
const soon = () => new Promise((resolve) => setImmediate(resolve))

const answer = async (all: Stand, bytes: Uint8Array): Promise<void> => {
  all.board.say('response', [challenge(all)[0], bytes])
  await soon()
}

const proofs = ({ logged }: Stand): unknown[] =>
  logged.filter(({ topic }) => topic.endsWith('/proof')).map(bodyOf)

const pipeline = () => {
  const all = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
  let offset = 0
  return {
    take: (record: LogRecord) => all.process(offset++, encodeRecord(record)),
    state: () => all.unit(unit),
  }
}

const eventsOf = (records: readonly LogRecord[]) => {
  const { take } = pipeline()
  return records.flatMap((record) => {
    const outcome = take(record)
    const events = 'events' in outcome ? outcome.events : []
    return events.flatMap(({ type, cause }) => (type.startsWith('key_') ? [[type, cause]] : []))
  })
}

const key = didOf(own.publicKey)

test('the key of the hello, over our nonce and of this start, is proof', async () => {
  const all = keyed()
  await answer(all, answerTo(all))
  expect(proofs(all)).toEqual([{ boot, t: helloUs + 5, key, proven: true }])
  expect(eventsOf(all.logged)).toEqual([['key_proven', key]])
})

test.each([
  ['signature', 'another key', { signer: stranger }],
  ['signature', 'what it signed for another nonce', { nonce: new Uint8Array(32) }],
  ['boot', 'another start', { boot: 2 }],
  ['uptime', 'a moment before its hello', { t: helloUs - 1 }],
] as const)('%s: %s is no proof, at once', async (why, _, said) => {
  const all = keyed()
  await answer(all, answerTo(all, said))
  expect(proofs(all)).toEqual([{ boot, t: helloUs, key, proven: false, why }])
  expect(eventsOf(all.logged)).toEqual([['key_unproven', `${why}: ${key}`]])
})

test('an answer that is cut, or flipped in one bit, is no proof', async () => {
  const all = keyed()
  await answer(all, answerTo(all).slice(0, -1))
  const other = keyed()
  const bytes = answerTo(other)
  bytes[40] = (bytes[40] as number) ^ 1
  await answer(other, bytes)
  for (const one of [all, other]) expect(proofs(one)).toMatchObject([{ why: 'signature' }])
})

test('a board without an answer is asked three times before it counts as unproven', async () => {
  const all = keyed()
  const asked = new Set<number>()
  const go = async (seconds: number, most = 9): Promise<void> => {
    const before = asked.size
    for (let second = 0; second < seconds && asked.size < before + most; second += 1) {
      asked.add(challenge(all)[0])
      all.board.report()
      all.settle()
      all.pass(1000)
      await soon()
    }
  }
  await go(60)
  expect([asked.size, proofs(all)]).toEqual([2, []])
  await go(60)
  expect([asked.size, proofs(all)]).toMatchObject([3, [{ proven: false, why: 'unanswered' }]])
  // Once an hour from then on; what it missed before does not count against it.
  await go(3700, 1)
  expect(asked.size).toBe(4)
  await answer(all, answerTo(all))
  expect(proofs(all)).toMatchObject([{ proven: false }, { proven: true }])
})

test('a response to nothing, and a second one, change nothing', async () => {
  const all = keyed()
  all.board.say('response', [challenge(all)[0] + 7, answerTo(all)])
  await soon()
  expect(proofs(all)).toEqual([])
  await answer(all, answerTo(all))
  await answer(all, answerTo(all, { signer: stranger }))
  expect(proofs(all)).toHaveLength(1)
})

test('a board without a key is not challenged', () => {
  const all = stand()
  all.board.sayHello(7)
  all.settle()
  for (let at = 0; at < all.board.schema.length; at += 40) all.board.saySchema(at)
  all.pass(2000)
  expect(all.board.count('challenge')).toBe(0)
})

test('another key than at first: the first counts, and a proof of the other is none', async () => {
  const first = keyed()
  await answer(first, answerTo(first))
  const other = stand()
  other.board.boot = 4
  other.board.hello = { 14: Uint8Array.from(stranger.publicKey), 15: 2 }
  other.board.sayHello(7)
  other.settle()
  for (let at = 0; at < other.board.schema.length; at += 40) other.board.saySchema(at)
  other.line.tick()
  await answer(other, answerTo(other, { signer: stranger, boot: 4 }))
  expect(proofs(other)).toMatchObject([{ proven: true, key: didOf(stranger.publicKey) }])
  const theirs = didOf(stranger.publicKey)
  expect(eventsOf([...first.logged, ...other.logged])).toEqual([
    ['key_proven', key],
    ['key_changed', theirs],
    ['key_unproven', `other_key: ${theirs}`],
  ])
})

test('a proof that comes over MQTT is put aside: no unit vouches for itself', async () => {
  const { url, records } = await startBroker()
  const client = await connect(url, { clientId: unit })
  const send = (kind: string, body: object) =>
    client.publishAsync(`tenfold/v1/cordless_drill/${unit}/${kind}`, JSON.stringify(body), {
      qos: 1,
    })
  await send('hello', { boot, t: 0, key, custody: 'controller_flash' })
  await send('proof', { boot, t: 5, key, proven: true })
  await until(() => records.length === 2)
  const { take, state } = pipeline()
  const [said, forged] = records.map(take)
  expect(said).toMatchObject({ kind: 'hello' })
  expect(forged).toMatchObject({ kind: 'quarantine', reason: 'topic_unknown' })
  expect(state()).toMatchObject({ key })
  expect(state()?.proof).toBeUndefined()
})

/** A challenge that a person asks for, and the records of the board's answers to it. */
const askedByHand = () => {
  const all = keyed()
  const nonce = new Uint8Array(32).fill(9)
  const command = { kind: 'challenge', id: 'a1', boot, nonce: Buffer.from(nonce).toString('hex') }
  expect(readCommand(JSON.stringify(command))(all.line.questions)).toBeUndefined()
  expect(challenge(all)[1]).toEqual(nonce)
  const answers = (): unknown[] =>
    all.logged.filter(({ topic }) => topic.endsWith('/answer')).map(bodyOf)
  return { all, nonce, answers }
}

test('what a person asks is answered by the board, and judged by whoever asked', async () => {
  const { all, nonce, answers } = askedByHand()
  await answer(all, answerTo(all))
  const [said] = answers() as { signature: string; boot: number; t: number }[]
  expect(said).toMatchObject({ id: 'a1', kind: 'challenge', accepted: true, boot, t: helloUs + 5 })
  const signature = Uint8Array.from(Buffer.from(said?.signature ?? '', 'hex'))
  const asked = { boot, t: helloUs, key }
  const verdict = judgeProof(asked, nonce, { boot, t: helloUs + 5, signature })
  expect(verdict).toEqual({ proven: true, t: helloUs + 5 })
  // The line itself judges only what it has asked by itself.
  expect(proofs(all)).toEqual([])
  const found = pipeline()
  const events = all.logged.map(found.take).flatMap((one) => ('events' in one ? one.events : []))
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'command_accepted', cause: 'challenge' }),
  )
})

test('what the board refuses is its answer, what is cut has no signature, silence is none', async () => {
  const refused = askedByHand()
  refused.all.board.say('result', [38, challenge(refused.all)[0], 7])
  await soon()
  expect(refused.answers()).toMatchObject([{ id: 'a1', accepted: false, reason: 'failed' }])
  const cut = askedByHand()
  await answer(cut.all, answerTo(cut.all).slice(1))
  expect(cut.answers()).toEqual([{ boot, t: helloUs, id: 'a1', kind: 'challenge', accepted: true }])
  const silent = askedByHand()
  for (let second = 0; second < 12; second += 1) silent.all.pass(1000)
  await soon()
  expect(silent.answers()).toEqual([])
})
