// One board with StandardFirmata: opened, asked for its pins, read, and opened again for as long as
// it takes when it has gone or fallen silent. Its readings are reports of its unit. It keeps
// nothing but how often it was opened, and it never writes an output.
import { topicOf } from '../../../hardware-profiles/names.ts'
import { operatingError } from '../../core/errors.ts'
import type { LinkState } from '../../core/link.ts'
import type { Emit, SourceContext } from '../../core/source.ts'
import type { Port, PortOptions } from '../../serial/port.ts'
import { type Ask, askBoard } from './board.ts'
import type { Boots } from './boots.ts'
import type { PinPlan } from './pins.ts'
import type { BoardSettings } from './settings.ts'

export interface HeadParts {
  settings: BoardSettings
  pins: readonly PinPlan[]
  context: SourceContext
  boots: Boots
  /** Told how the board fares. */
  link: LinkState
  emit: Emit
  open(options: PortOptions): Promise<Port>
}

const firstBackoffMs = 250
/** A board that is back has about two seconds of bootloader before it: data flow within 5 s. */
const capBackoffMs = 1000
/** One that was good for so long may come back at once. */
const goodMs = 10_000

/** Runs until the signal is aborted; never throws for what a board does. */
export const runHead = async (parts: HeadParts, signal: AbortSignal): Promise<void> => {
  const { clock } = parts.context
  let backoffMs = firstBackoffMs
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs()
    const reason = await once(parts, signal)
    if (signal.aborted) return
    parts.link.lost(reason)
    const lasted = clock.monotonicMs() - startedMs
    backoffMs = lasted > goodMs ? firstBackoffMs : Math.min(capBackoffMs, backoffMs * 2)
    await clock.sleep(backoffMs, signal)
  }
}

/** One connection, from opening the port to its end. @returns why it ended */
const once = async (parts: HeadParts, signal: AbortSignal): Promise<string> => {
  const { settings, context, pins } = parts
  let port: Port
  try {
    port = await parts.open({ path: settings.port, baud: settings.baud })
  } catch (error) {
    const known = operatingError(error)
    if (known === undefined) throw error
    return `${known.message} (${known.code}). ${known.remedy}`
  }
  const ended = Promise.withResolvers<string>()
  const ask: Ask = { port, pins, samplingMs: settings.samplingMs, clock: context.clock }
  port.onClose(() => ended.resolve('the serial port has gone'))
  signal.addEventListener('abort', () => ended.resolve('stopped'), { once: true })
  const board = askBoard(ask, ended.resolve)
  try {
    const ready = await Promise.race([board.ready, ended.promise])
    if (typeof ready === 'string') return ready
    parts.link.connected(`${ready.firmware} at ${settings.port}`)
    report(parts, ready.values, ended.promise)
    return await ended.promise
  } finally {
    board.stop()
    await port.close()
  }
}

/** Says hello and then reports what has come, every samplingMs, until it ends. */
const report = (
  { settings, context, boots, emit, link }: HeadParts,
  values: () => Record<string, number | boolean>,
  ended: Promise<string>,
): void => {
  const { clock, random, note } = context
  const boot = boots.next(settings.unit)
  const startMs = clock.monotonicMs()
  const session = Buffer.from(random(6)).toString('hex')
  const send = (kind: 'hello' | 'report', body: object): void => {
    const record = {
      receivedUs: clock.nowUs(),
      source: 'firmata',
      session,
      topic: topicOf({ machine: settings.machine, unit: settings.unit, kind }),
      payload: Buffer.from(JSON.stringify(body)),
      retained: false,
    }
    // Firmata has nothing to hold back: what the log cannot take now is lost, and that is said.
    emit(record, (error) => {
      if (error !== undefined) note(`${settings.unit}: a reading was lost: ${error.message}`)
    })
  }
  const t = (): number => Math.round((clock.monotonicMs() - startMs) * 1000)
  send('hello', { boot, t: t() })
  let seq = 0
  const timer = setInterval(() => {
    const v = values()
    if (Object.keys(v).length === 0) return
    link.heard()
    send('report', { boot, seq: seq++, t: t(), v })
  }, settings.samplingMs)
  void ended.then(() => clearInterval(timer))
}
