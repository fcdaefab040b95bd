// Checks of the log: the checkpoint's signature, the last entry's place under it, the operator's
// word that it is the last, older states joined to it, and an anchor on a chain when the reader
// asks for one.
import { equalBytes } from '../bytes.ts'
import {
  type Checkpoint,
  openCheckpoint,
  openHead,
  parseProof,
  peekCheckpoint,
} from '../checkpoint.ts'
import { AttestationError } from '../codes.ts'
import { blindedKey, leafOf } from '../leaf.ts'
import { leafHash, verifyConsistency, verifyInclusion } from '../merkle.ts'
import { encodeVkey, type NoteKey, parseVkey } from '../note.ts'
import type { Passport } from '../passport-file.ts'
import type { Trust } from '../trust.ts'
import type { Check, Checks, Found } from './checks.ts'
import type { History } from './history.ts'

/** A state of a log that a chain holds. */
export interface Anchor {
  size: number
  root: Uint8Array
}

/**
 * Reads the newest anchor of a log; undefined when there is none. Rejects when it cannot be read.
 */
export type ReadAnchor = (origin: string) => Promise<Anchor | undefined>

export interface LogFindings {
  checkpoint: Checkpoint
  title: string
}

interface Opened {
  key: NoteKey
  checkpoint: Checkpoint
}

/**
 * The log's key: the pinned one of that name where there is one, else the one that came with the
 * file.
 */
const checkCheckpoint = (passport: Passport, trust: Trust): Found<Opened> => {
  const key = parseVkey(passport.log)
  const note = parseProof(passport.proof).checkpoint
  const { origin } = peekCheckpoint(note)
  const pinned = trust.logs.filter(({ name }) => name === origin)
  if (pinned.length > 0 && !pinned.some((one) => encodeVkey(one) === passport.log)) {
    throw new AttestationError(
      'log_key_substituted',
      `the file's key of ${origin} is not the one you pinned`,
    )
  }
  const checkpoint = openCheckpoint(note, key)
  return {
    value: { key, checkpoint },
    detail: `log ${origin}, size ${checkpoint.size}, signed by its key`,
  }
}

const checkInclusion = (passport: Passport, opened: Opened, history: History): Found<true> => {
  const { size, root } = opened.checkpoint
  const { index, hashes } = parseProof(passport.proof)
  const last = history.entries.at(-1)
  if (index >= size) {
    throw new AttestationError('beyond_checkpoint', `leaf ${index} is beyond size ${size}`)
  }
  const leaf = last && leafHash(leafOf(last, passport.blind))
  if (leaf === undefined || !verifyInclusion({ leaf, index, size, root }, hashes)) {
    throw new AttestationError('not_included', `the last entry is not leaf ${index} of the log`)
  }
  return {
    value: true,
    detail: `the last entry is leaf ${index}; the earlier ones hang on its hash`,
  }
}

const checkHead = (passport: Passport, opened: Opened, history: History): Found<string> => {
  const { origin, size } = opened.checkpoint
  const head = openHead(passport.head, opened.key)
  const { unit, seq, hash } = history.head
  if (head.size !== size || !equalBytes(head.blinded, blindedKey(unit, passport.blind))) {
    throw new AttestationError('bad_head', 'the head statement is of another checkpoint or unit')
  }
  if (head.seq !== seq || !equalBytes(head.hash, hash)) {
    throw new AttestationError(
      'head_mismatch',
      `the log's last entry of this unit is ${head.seq}, the file ends with ${seq}`,
    )
  }
  if (head.forks > 0) {
    throw new AttestationError('fork', `the log's operator has seen ${head.forks} forks of it`)
  }
  return { value: head.title, detail: `nothing left out of log ${origin} until size ${size}` }
}

const checkConsistency = (passport: Passport, { checkpoint }: Opened): Found<true> => {
  for (const { size, root, hashes } of passport.consistency) {
    const claim = {
      ...{ oldSize: size, oldRoot: root },
      ...{ newSize: checkpoint.size, newRoot: checkpoint.root },
    }
    if (!verifyConsistency(claim, hashes)) {
      throw new AttestationError('inconsistent', `size ${size} is no prefix of the checkpoint`)
    }
  }
  return { value: true, detail: `${passport.consistency.length} older states of the log agree` }
}

/** Runs the checks of the log; undefined when one of them failed. */
export const checkLog = (
  checks: Checks,
  { passport, history }: { passport: Passport | undefined; history: History | undefined },
  trust: Trust,
): LogFindings | undefined => {
  const opened = checks.run('checkpoint', passport && (() => checkCheckpoint(passport, trust)))
  const ready = passport && opened && history
  const included = checks.run(
    'inclusion',
    ready && (() => checkInclusion(passport, opened, history)),
  )
  const title = checks.run('head', ready && (() => checkHead(passport, opened, history)))
  const joined = checks.run(
    'consistency',
    passport && opened && (() => checkConsistency(passport, opened)),
  )
  if (opened === undefined || !included || title === undefined || !joined) return undefined
  return { checkpoint: opened.checkpoint, title }
}

const compareAnchor = (passport: Passport, checkpoint: Checkpoint, anchor: Anchor): Check => {
  const name = 'anchor'
  const { size, root } = checkpoint
  if (anchor.size > size) {
    const detail = `the chain knows size ${anchor.size}, the passport ${size}`
    return { name, verdict: 'unknown', code: 'older_than_anchor', detail }
  }
  const states = [{ size, root }, ...passport.consistency]
  const state = states.find((one) => one.size === anchor.size)
  if (state === undefined) {
    const detail = `no proof from the anchored size ${anchor.size} to ${size}`
    return { name, verdict: 'unknown', code: 'anchor_unproven', detail }
  }
  const detail = `the chain holds size ${anchor.size}`
  return equalBytes(state.root, anchor.root)
    ? { name, verdict: 'pass', code: 'ok', detail: `${detail}, and it agrees` }
    : { name, verdict: 'fail', code: 'anchor_mismatch', detail: `${detail} with another root` }
}

/** Checks the passport's log against an anchor, when asked to. */
export const checkAnchor = async (
  checks: Checks,
  { passport, log }: { passport: Passport | undefined; log: LogFindings | undefined },
  readAnchor: ReadAnchor | undefined,
): Promise<void> => {
  const name = 'anchor'
  if (readAnchor === undefined) {
    const detail = 'no chain was asked for an anchor of the log'
    checks.add({ name, verdict: 'not_asked', code: 'not_asked', detail })
    return
  }
  if (passport === undefined || log === undefined) {
    checks.run(name, undefined)
    return
  }
  const { checkpoint } = log
  try {
    const anchor = await readAnchor(checkpoint.origin)
    const detail = `no anchor of ${checkpoint.origin}`
    checks.add(
      anchor === undefined
        ? { name, verdict: 'unknown', code: 'no_anchor', detail }
        : compareAnchor(passport, checkpoint, anchor),
    )
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'cannot be read'
    checks.add({ name, verdict: 'unknown', code: 'anchor_unreachable', detail })
  }
}
