// johnny-five on one port: asks the board for its pins, sets them, and keeps the newest value of
// each. Says in one line why the board cannot be used or has fallen silent.
import firmata from 'firmata-io'
import five from 'johnny-five'
import type { Clock } from '../../core/clock.ts'
import type { Port } from '../../serial/port.ts'
import { type PinPlan, pinProblem } from './pins.ts'
import { Wire } from './wire.ts'

export interface Ask {
  port: Port
  pins: readonly PinPlan[]
  samplingMs: number
  clock: Clock
}

export interface Ready {
  /** Such as `StandardFirmata 2.4`. */
  firmware: string
  /** Values that have come since the last call, by signal. */
  values(): Record<string, number | boolean>
}

export interface Asked {
  ready: Promise<Ready>
  stop(): void
}

/** An Uno is back from its bootloader after about two seconds, and then lists its pins. */
const readyMs = 15_000
/** Values come every sampling; this long without a byte and the board is gone. */
const silentMs = 3000
const lookMs = 500
/** Looks without a byte before time counts: what stopped this process did not silence the board. */
const quietLooks = 3
/** One that has said nothing yet is asked again so often: its version and its firmware's name. */
const askAgainLooks = 6
const versionAndName = Uint8Array.of(0xf9, 0xf0, 0x79, 0xf7)
/** johnny-five gives up by itself, by the wall clock; here the clock that is passed in decides. */
const never = 2 ** 31 - 1
/** The protocol has room for 128, and a board that was reset lists them again. */
const pinsMax = 1024

/** @param end called with the reason when the board cannot be used, or no longer */
export const askBoard = (ask: Ask, end: (reason: string) => void): Asked => {
  const { port, pins, samplingMs, clock } = ask
  const openedMs = clock.monotonicMs()
  let [quiet, heardMs, hasSpoken, isReady] = [0, openedMs, false, false]
  const heard = (): void => {
    quiet = 0
    heardMs = clock.monotonicMs()
    hasSpoken = true
  }
  const garbage = (reason: string): void =>
    end(`${reason}: this is not Firmata; check the sketch and the cable`)
  const wire = new Wire(port, heard, garbage)
  const io = new firmata.Firmata(wire, { reportVersionTimeout: 500 })
  const board = new five.Board({ io, repl: false, debug: false, sigint: false, timeout: never })
  const failed = (): void =>
    end('no StandardFirmata answers here; flash it, and check the baud rate')
  board.on('error', failed)
  board.on('fail', failed)
  const { promise: ready, resolve } = Promise.withResolvers<Ready>()
  const watch = setInterval(() => {
    const nowMs = clock.monotonicMs()
    quiet += 1
    // firmata-io adds them up each time that a board lists them.
    if (io.analogPins.length > pinsMax) garbage(`more than ${pinsMax} pins`)
    const isSilent = quiet > quietLooks && nowMs - heardMs > silentMs + samplingMs
    if (hasSpoken && isSilent) end(`silent for ${silentMs} ms; check power and cable`)
    else if (!isReady && nowMs - openedMs > readyMs) failed()
    else if (!hasSpoken && quiet % askAgainLooks === 0) wire.write(versionAndName)
  }, lookMs)
  board.once('ready', () => {
    isReady = true
    const problem = pins
      .map((pin) => pinProblem(pin, { pins: io.pins, analogPins: io.analogPins, modes: io.MODES }))
      .find((each) => each !== undefined)
    if (problem !== undefined) return end(problem)
    resolve({
      firmware: firmwareOf(io),
      values: listen(board, { ...ask, most: io.RESOLUTION.ADC }),
    })
  })
  // The port is open already: this tells both so.
  wire.emit('open')
  const stop = (): void => {
    clearTimeout(board.timer)
    clearTimeout(io.reportVersionTimeoutId)
    clearInterval(watch)
    wire.end()
    io.removeAllListeners()
    // johnny-five keeps each board for ever, and this one is opened anew whenever it comes back.
    const place = five.Board.cache.indexOf(board)
    if (place >= 0) five.Board.cache.splice(place, 1)
  }
  return { ready, stop }
}

type Board = InstanceType<typeof five.Board>

const firmwareOf = ({ firmware }: InstanceType<typeof firmata.Firmata>): string => {
  const { name = 'a Firmata without a name', version } = firmware
  const plain = name.replace(/\.ino$/, '')
  return version === undefined ? plain : `${plain} ${version.major}.${version.minor}`
}

interface Listened extends Ask {
  /** Counts at full scale, as the board says; null where it does not. */
  most: number | null
}

/** Sets the pins; the newest value of each is taken by whoever calls. */
const listen = (board: Board, { pins, samplingMs, most }: Listened): Ready['values'] => {
  let newest: Record<string, number | boolean> = {}
  const levels = new Map<PinPlan, number>()
  board.samplingInterval(samplingMs)
  for (const pin of pins) {
    if (pin.isAnalogue) {
      board.analogRead(pin.number, (counts) => {
        // More than the converter can count was changed on the cable.
        if (counts <= (most ?? Infinity)) newest[pin.signal] = pin.valueOf(counts)
      })
    } else {
      board.pinMode(pin.number, pin.pullup ? board.MODES.PULLUP : board.MODES.INPUT)
      board.digitalRead(pin.number, (level) => levels.set(pin, level))
    }
  }
  return () => {
    const taken = newest
    newest = {}
    // A level is told when it changes, and holds until then.
    for (const [pin, level] of levels) taken[pin.signal] = pin.valueOf(level)
    return taken
  }
}
