// Opens the log: takes the folder, recovers, starts writer and retention. The one place that joins
// the parts of this folder.
import assert from 'node:assert/strict'
import { commitOverheadBytes, payloadBytesMax, recordHeadBytes } from './format.ts'
import { defaultLimits, type Log, LogError, type LogLimits, type LogOptions } from './log.ts'
import { type LogState, makeDurableFolder, recover } from './recover.ts'
import { Retention } from './retain.ts'
import { Writer } from './writer.ts'

/** Segments that the bound is divided into at least, so that letting go of one is not much. */
const segmentsLeast = 8

/** Opens the log in `options.folder`, making it where it is absent. Rejects with a LogError. */
export const openLog = async (options: LogOptions): Promise<Log> => {
  const { folder, files } = options
  const limits = effectiveLimits(options)
  let held: { release(): void } | undefined
  try {
    await makeDurableFolder(files, folder)
    held = options.lock?.(folder)
    const state = await recover(options)
    const writer = new Writer(options, limits, state)
    const retention = new Retention(options, limits, { state, writer })
    void retention.run()
    return logOf({ state, writer, retention, held })
  } catch (cause) {
    held?.release()
    throw cause instanceof LogError ? cause : openError(folder, cause)
  }
}

const effectiveLimits = ({ limits, retention }: LogOptions): LogLimits => {
  const all = { ...defaultLimits, ...limits }
  const { maxBytes, reserveBytes, maxAgeMs } = retention
  assert(reserveBytes >= 0 && maxBytes > reserveBytes && maxAgeMs > 0)
  assert(all.commitBytes >= all.recordBytes + recordHeadBytes)
  assert(all.commitBytes <= payloadBytesMax && all.queuedBytes >= all.commitBytes)
  const segmentBytes = Math.floor((maxBytes - reserveBytes) / segmentsLeast)
  assert(segmentBytes >= commitOverheadBytes)
  return { ...all, segmentBytes: Math.min(all.segmentBytes, segmentBytes) }
}

interface Parts {
  state: LogState
  writer: Writer
  retention: Retention
  held: { release(): void } | undefined
}

const logOf = ({ state, writer, retention, held }: Parts): Log => {
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await retention.stop()
    await writer.close()
    held?.release()
  }
  return {
    append: (body, keep, done) => writer.append(body, keep, done),
    head: writer.head.shared,
    headHash: () => ({ next: state.next, hash: Buffer.from(state.hash).toString('hex') }),
    status: () => ({
      next: state.next,
      segments: state.segments.length,
      bytes: writer.bytes,
      queuedBytes: writer.queuedBytes,
      trimmedBelow: state.trimmedBelow,
      recovery: state.recovery,
      retention: retention.trouble,
      failed: writer.failed,
    }),
    retain: () => retention.run(),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

const openError = (folder: string, cause: unknown): LogError => {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new LogError('log_read_only', {
      message: `The folder ${folder} cannot be written: ${message}.`,
      remedy:
        'Check the owner and rights of the folder, and that its disk is not mounted read-only.',
      cause,
    })
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LogError('disk_full', {
      message: `The disk under ${folder} is full: the log cannot start.`,
      remedy: 'Free space on that disk, then start the gateway again.',
      cause,
    })
  }
  return new LogError('log_unreadable', {
    message: `The log in ${folder} cannot be opened: ${message}. It was left as it is.`,
    remedy: 'Check the disk and its cable (dmesg, smartctl); copy the folder before any repair.',
    cause,
  })
}
