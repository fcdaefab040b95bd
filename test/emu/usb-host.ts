// A USB host on the port of an emulated Pico: enumerates as an operating system does, opens the
// serial port by DTR, then passes bytes. Unlike the emulator's own it waits (NAK) while it has
// nothing to send, keeps to packets of 64 bytes, and reads every descriptor.
import type { RP2040 } from 'rp2040js'

type Controller = RP2040['usbCtrl']

interface Request {
  /** bmRequestType, bRequest, wValue, wIndex, wLength. */
  setup: readonly [number, number, number, number, number]
  /** What goes with it to the board. */
  data?: Uint8Array
}

/** The part of the emulator's controller that its type file hides. */
interface Told {
  indicateBufferReady(endpoint: number, out: boolean): void
}

const toBoard = (type: number): boolean => (type & 0x80) === 0
const read = (value: number, bytes: number): Request => ({ setup: [0x80, 6, value, 0, bytes] })
/** 9600 bits per second, 8N1. */
const lineCoding = Uint8Array.of(0x80, 0x25, 0, 0, 0, 0, 8)
const enumeration: readonly Request[] = [
  ...[read(0x0100, 64), { setup: [0, 5, 1, 0, 0] } as const, read(0x0100, 18)],
  ...[read(0x0200, 9), read(0x0200, 255), read(0x0300, 255), read(0x0301, 255)],
  ...[read(0x0302, 255), read(0x0303, 255), { setup: [0, 9, 1, 0, 0] } as const],
  { setup: [0x21, 0x20, 0, 0, 7], data: lineCoding },
  { setup: [0xa1, 0x21, 0, 0, 7] },
  { setup: [0x21, 0x22, 3, 0, 0] },
]

export class UsbHost {
  /** Answers to the requests for data, in order. */
  readonly answers: Uint8Array[] = []
  onData: (bytes: Uint8Array) => void = () => {}
  resets = 0
  readonly #usb: Controller
  readonly #sending: number[] = []
  #requests: Request[] = []
  #now: Request | undefined
  #answer: number[] = []
  #isAnswered = false
  #controlArmed = false
  #dataArmed = false
  #isReading = true
  /** What a packet brings about once it is read: its bytes here, its end at the board. */
  #left: (() => void)[] = []

  constructor(usb: Controller) {
    this.#usb = usb
    usb.onUSBEnabled = () => usb.resetDevice()
    usb.onResetReceived = () => {
      this.resets += 1
      this.#requests = [...enumeration]
      this.#next()
    }
    usb.onEndpointWrite = (endpoint, bytes) => {
      const taken = bytes.slice()
      if (endpoint === 0) this.#control(bytes)
      else if (this.#isReading) this.onData(taken)
      else this.#left.push(() => this.onData(taken))
    }
    // The emulator tells the board that a packet is gone as soon as it is handed over.
    const inside = usb as unknown as Told
    const tellBoard = inside.indicateBufferReady.bind(usb)
    inside.indicateBufferReady = (endpoint, out) => {
      if (endpoint !== 2 || out || this.#isReading) tellBoard(endpoint, out)
      else this.#left.push(() => tellBoard(endpoint, out))
    }
    usb.onEndpointRead = (endpoint) => {
      if (endpoint === 0) this.#controlArmed = true
      else this.#dataArmed = true
      this.#step()
    }
  }

  /** Asks for no data any more: what the board has handed over stays where it is, as on a NAK. */
  stopReading(): void {
    this.#isReading = false
  }

  goOnReading(): void {
    this.#isReading = true
    for (const give of this.#left.splice(0)) give()
  }

  /** The port is open: every request is answered. */
  get isOpen(): boolean {
    return this.resets > 0 && this.#requests.length === 0 && this.#now === undefined
  }

  send(bytes: Uint8Array): void {
    this.#sending.push(...bytes)
    this.#step()
  }

  /** One more request, such as that a program has closed the port. */
  request(setup: Request['setup']): void {
    this.#requests.push({ setup })
    if (this.#now === undefined) this.#next()
  }

  #next(): void {
    this.#now = this.#requests.shift()
    this.#answer = []
    this.#isAnswered = false
    this.#controlArmed = false
    if (this.#now === undefined) return
    const [type, request, value, index, length] = this.#now.setup
    const packet = new DataView(new ArrayBuffer(8))
    packet.setUint8(0, type)
    packet.setUint8(1, request)
    for (const [i, word] of [value, index, length].entries())
      packet.setUint16(2 + 2 * i, word, true)
    this.#usb.sendSetupPacket(new Uint8Array(packet.buffer))
  }

  #control(bytes: Uint8Array): void {
    const now = this.#now
    if (now === undefined) return
    const [type, , , , length] = now.setup
    if (toBoard(type)) {
      if (bytes.length === 0) this.#next()
      return
    }
    this.#answer.push(...bytes)
    this.#isAnswered = bytes.length < 64 || this.#answer.length >= length
    this.#step()
  }

  #step(): void {
    const now = this.#now
    if (this.#dataArmed && this.#sending.length > 0) {
      this.#dataArmed = false
      this.#usb.endpointReadDone(2, Uint8Array.from(this.#sending.splice(0, 64)))
    }
    if (now === undefined || !this.#controlArmed) return
    if (now.data !== undefined) {
      this.#controlArmed = false
      this.#usb.endpointReadDone(0, now.data)
    } else if (this.#isAnswered) {
      this.answers.push(Uint8Array.from(this.#answer))
      this.#usb.endpointReadDone(0, new Uint8Array(0))
      this.#next()
    }
  }
}
