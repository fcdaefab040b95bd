// What the log takes in right now. Telemetry is refused while the disk has less room than is
// reserved for events and signed entries; a refusal is said once when it begins and once when it
// ends, however many messages it meets. A message that is refused is not acknowledged: its unit
// keeps it.
import { isReport } from '../hardware-profiles/names.ts'
import { OperatingError } from './core/errors.ts'
import { RecordEncoder } from './core/record.ts'
import type { Emit } from './core/source.ts'
import type { Log } from './log/log.ts'

export interface AdmissionParts {
  log: Pick<Log, 'append' | 'status'>
  /** Disk space kept for what is not telemetry, bytes. */
  reserveBytes: number
  /** One line for the person who runs the gateway. */
  note(line: string): void
}

/** Why acknowledgements are withheld; undefined while they are given. */
interface Refusal {
  message: string
  remedy: string
}

export class Admission {
  readonly #parts: AdmissionParts
  readonly #encoder = new RecordEncoder()
  #freeBytes = Number.POSITIVE_INFINITY
  #refusal: Refusal | undefined

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /** What sources hand their messages to. */
  readonly emit: Emit = (record, done) => {
    const isTelemetry = isReport(record.topic)
    if (isTelemetry && this.#freeBytes < this.#parts.reserveBytes) {
      done(this.#refuse(diskReserved(this.#parts.reserveBytes)))
      return
    }
    this.#parts.log.append(this.#encoder.encode(record), !isTelemetry, (error) => {
      if (error !== undefined) this.#refuse(error)
      else if (this.#refusal !== undefined && isTelemetry) this.#resume()
      done(error)
    })
  }

  /** Told now and then how much room the disk under the data folder has, bytes. */
  room(freeBytes: number): void {
    this.#freeBytes = freeBytes
  }

  /** Why the gateway does not do its work, one line each; empty when it does. */
  notReady(): string[] {
    const failed = this.#parts.log.status().failed ?? this.#refusal
    return failed === undefined ? [] : [`log: ${failed.message}`]
  }

  #refuse<T extends Refusal>(error: T): T {
    if (this.#refusal === undefined) {
      this.#parts.note(`log: nothing more is acknowledged: ${error.message} ${error.remedy}`)
    }
    this.#refusal = error
    return error
  }

  #resume(): void {
    this.#refusal = undefined
    this.#parts.note('log: acknowledging again')
  }
}

const diskReserved = (reserveBytes: number): OperatingError =>
  new OperatingError('disk_reserved', {
    message: `The disk has less than ${reserveBytes} bytes left, kept for events and entries.`,
    remedy: 'Free space on the disk of the data folder, or lower log.reserveBytes.',
  })
