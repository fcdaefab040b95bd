// How the board behind a port fares, for those who show the connections of all sources: doctor,
// /metrics, the page, alerts. Told a few times a second what port and line know; decides nothing.
import { type LinkHealth, type LinkParts, LinkState } from '../../core/link.ts'
import { refusalRemedies } from './hello.ts'
import type { LineStatus } from './line-parts.ts'
import type { PortStatus } from './port.ts'

/** A board that was just plugged in has so long before it is called silent. */
const graceMs = 3000
/** Bytes for so long, and no frame among them, are no beginning of an answer. */
const noiseMs = 1000

export class PortHealth {
  readonly #link: LinkState
  readonly #note: LinkParts['note']
  #said = ''
  /** Since when the port is open and no board answers there, and since when it is not still. */
  #quiet: { sinceMs: number; bytes: number; noisyMs: number } | undefined
  #frames = 0

  constructor(parts: LinkParts) {
    this.#note = parts.note
    // That a unit is heard or refused, the line says itself, with its boot.
    this.#link = new LinkState({ ...parts, note: () => {} })
  }

  look(port: PortStatus, line: LineStatus | undefined, nowMs: number): void {
    if (!port.isOpen || line === undefined) {
      this.#quiet = undefined
      if (port.trouble !== undefined) this.#lost(port.trouble, port.trouble)
    } else if (line.state === 'silent') this.#unanswered(port, nowMs)
    else {
      this.#quiet = undefined
      if (line.refusal !== undefined) this.#refused(line.refusal)
      else if (line.state === 'speaking') this.#speaking(line)
    }
  }

  health(): LinkHealth {
    return this.#link.health()
  }

  #speaking({ unit, board, frames }: LineStatus): void {
    this.#said = ''
    this.#link.connected(`${unit} is heard, on ${board}`)
    if (frames !== this.#frames) this.#link.heard()
    this.#frames = frames
  }

  #refused({ code, detail }: NonNullable<LineStatus['refusal']>): void {
    this.#said = ''
    this.#link.lost(`${detail} (${code}). ${refusalRemedies[code]}`)
  }

  #unanswered({ bytes }: PortStatus, nowMs: number): void {
    this.#quiet ??= { sinceMs: nowMs, bytes, noisyMs: Number.POSITIVE_INFINITY }
    const { sinceMs, bytes: before, noisyMs } = this.#quiet
    if (bytes > before) this.#quiet.noisyMs = Math.min(noisyMs, nowMs)
    if (nowMs - sinceMs < graceMs) return
    if (nowMs - this.#quiet.noisyMs >= noiseMs) {
      this.#lost(
        'board_garbled',
        'what comes is no word of a board of ours (board_garbled). Compare the speed of both, ' +
          'and the image on the board; check cable and ground.',
      )
    } else if (this.#said !== 'board_garbled') {
      this.#lost(
        'board_silent',
        'the port is open, and no board answers (board_silent). Check its power, TX to RX, and ' +
          'that it has a Tenfold image.',
      )
    }
  }

  #lost(kind: string, line: string): void {
    this.#link.lost(line, kind)
    if (kind === this.#said) return
    this.#said = kind
    this.#note(line)
  }
}
