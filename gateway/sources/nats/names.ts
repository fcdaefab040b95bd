// Names in NATS: subjects, streams, buckets and keys of a fleet, and the shard of a unit. Pure.
// A unit's shard never changes: its messages, its lease and its state are found by it.
import { createHash } from 'node:crypto'
import { parseTopic } from '../../../hardware-profiles/names.ts'

/** Shard of messages whose topic is none of ours: anybody's to put into quarantine. */
const strayUnit = 'stray'

export interface Names {
  /** Lease of each shard, heartbeat of each gateway. */
  readonly leases: string
  /** State of each unit as of its last checkpoint. */
  readonly units: string
  /** Signed entries, each place of a chain written once. */
  readonly chains: string
  subjectOf(topic: string): string
  /** Stream of a shard: its sequences have no gap, so that a skipped message shows. */
  streamOf(shard: number): string
  /** All that the stream of a shard takes. */
  subjectsOf(shard: number): string
}

export const namesOf = ({ fleet, shards }: { fleet: string; shards: number }): Names => ({
  leases: `${fleet}_leases`,
  units: `${fleet}_units`,
  chains: `${fleet}_chains`,
  subjectOf: (topic) => {
    const unit = parseTopic(topic)?.unit ?? strayUnit
    return `${fleet}.message.${shardOf(unit, shards)}.${unit}`
  },
  streamOf: (shard) => `${fleet}_messages_${shard}`,
  subjectsOf: (shard) => `${fleet}.message.${shard}.>`,
})

export const shardOf = (unit: string, shards: number): number =>
  createHash('sha256').update(unit).digest().readUInt32BE(0) % shards

export const shardKey = (shard: number): string => `shard.${shard}`
/** Written first by a new owner, in every bucket that it reads; no unit has such a name. */
export const ownerKey = (shard: number): string => `=owner.${shard}`
export const memberKey = (name: string): string => `member.${name}`
export const unitKey = (shard: number, unit: string): string => `${shard}.${unit}`
/** Place of an entry: the key's did is the chain's name. */
export const entryKey = (unit: string, { did, seq }: { did: string; seq: number }): string =>
  `${unit}.${did.replaceAll(':', '_')}.${seq}`
