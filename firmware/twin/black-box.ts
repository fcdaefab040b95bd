// Reads the recordings of a board's black box (runtime/black-box.h) out of a copy of its flash.
// What was torn by a power cut is passed over. It judges nothing; replay-fault.ts does.
import { crc32 } from 'node:zlib'

/** One analogue input: offset + counts * gain / 2^shift, in the channel's integers. */
export interface Line {
  input: number
  shift: number
  gain: number
  offset: number
}

/** What the board was when a block began; instances are memory as C lays it out. */
export interface BoxState {
  /** Which line the second conversion of the next step belongs to. */
  turn: number
  inputs: Int32Array
  outputs: Int32Array
  told: Int32Array
  loop: Uint8Array
  kernel: Uint8Array
}

export interface BoxStep {
  /** Counts of both conversions, 12 bits each, and the digital inputs from bit 24 on. */
  raw: number
  /** Of what loop and kernel said; absent for a step that did not end. */
  check: number | undefined
  setpoints: Int32Array
}

export interface Recording {
  /** Grows by 1 from one recording of a board to the next. */
  number: number
  boot: number
  /** Code of what froze it, as `causeName` spells it. */
  cause: number
  /** It outlasted a reset before its checksum was made: a trap or a hang. */
  unchecked: boolean
  rateHz: number
  /** SHA-256, hex. */
  digests: { loop: string; kernel: string; profile: string }
  lines: readonly Line[]
  /** Inputs by bit, from bit 24 on; inputs by setpoint. */
  digitals: readonly number[]
  setpoints: readonly number[]
  start: BoxState
  steps: readonly BoxStep[]
}

const magic = 0x58424654
const sector = 4096
const bodyAt = 512
const toldWords = 3

/** All whole recordings in a copy of the flash or of a part of it, oldest first. */
export const recordingsIn = (flash: Uint8Array): Recording[] => {
  const found: Recording[] = []
  for (let at = 0; at + bodyAt <= flash.length; at += sector) {
    const recording = recordingAt(flash.subarray(at))
    if (recording !== undefined) found.push(recording)
  }
  return found.sort((a, b) => a.number - b.number)
}

/** As the board computes it: without the last inversion. */
const sum = (bytes: Uint8Array): number => ~crc32(bytes) >>> 0

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const names = [
  ...['magic', 'format', 'headBytes', 'number', 'boot', 'cause', 'flags', 'rateHz', 'bodyBytes'],
  ...['bodyCrc', 'newest', 'blocks', 'blockBytes', 'stepsMost', 'loopBytes', 'kernelBytes'],
  ...['inputs', 'outputs', 'setpoints', 'analogues', 'digitals', 'afterSteps'],
] as const
type Head = Record<(typeof names)[number], number>

const recordingAt = (flash: Uint8Array): Recording | undefined => {
  const view = viewOf(flash)
  const entries = names.map((name, i) => [name, view.getUint32(4 * i, true)])
  const head = Object.fromEntries(entries) as Head
  const { headBytes, bodyBytes } = head
  if (head.magic !== magic || head.format !== 1 || headBytes < 208 || headBytes > bodyAt) return
  if (view.getUint32(headBytes - 4, true) !== sum(flash.subarray(0, headBytes - 4))) return
  const body = flash.subarray(bodyAt, bodyAt + bodyBytes)
  if (body.length !== bodyBytes || sum(body) !== head.bodyCrc) return
  if (bodyBytes !== head.blocks * head.blockBytes || head.newest >= head.blocks) return
  const digest = (i: number): string =>
    Buffer.from(flash.subarray(88 + 32 * i, 120 + 32 * i)).toString('hex')
  const lines = Array.from({ length: head.analogues }, (_, i) => {
    const [input = 0, shift = 0, gain = 0, offset = 0] = words(flash, 200 + 16 * i, 4)
    return { input, shift, gain, offset }
  })
  const blocks = blocksOf(head, body)
  const [first] = blocks
  if (first === undefined) return
  const steps = blocks.flatMap((block) => block.steps)
  return {
    number: head.number,
    boot: head.boot,
    cause: head.cause,
    unchecked: (head.flags & 2) !== 0,
    rateHz: head.rateHz,
    digests: { loop: digest(0), kernel: digest(1), profile: digest(2) },
    lines,
    setpoints: [...flash.subarray(184, 184 + head.setpoints)],
    digitals: [...flash.subarray(192, 192 + head.digitals)],
    start: first.start,
    steps,
  }
}

const words = (bytes: Uint8Array, at: number, count: number): Int32Array => {
  const view = viewOf(bytes)
  return Int32Array.from({ length: count }, (_, i) => view.getInt32(at + 4 * i, true))
}

interface Block {
  order: number
  start: BoxState
  steps: BoxStep[]
}

/** From the oldest that hangs together with the newest. */
const blocksOf = (head: Head, body: Uint8Array): Block[] => {
  const blocks: Block[] = []
  for (let i = 0; i < head.blocks; i += 1) {
    const index = (head.newest - i + head.blocks) % head.blocks
    const bytes = body.subarray(index * head.blockBytes, (index + 1) * head.blockBytes)
    const block = blockOf(head, bytes, i === 0)
    const [later] = blocks
    if (block.order === 0 || (later && block.order !== later.order - 1)) break
    blocks.unshift(block)
  }
  return blocks
}

const aligned = (at: number): number => (at + 7) & ~7

/** Places as the C compiler lays the struct out: states and steps begin at multiples of 8 bytes. */
const blockOf = (head: Head, bytes: Uint8Array, isNewest: boolean): Block => {
  const [order = 0, count = 0] = words(bytes, 0, 2)
  const setpointBytes = 4 * head.setpoints
  const stepBytes = 8 + setpointBytes
  const outputsAt = 12 + 4 * head.inputs
  const toldAt = outputsAt + 4 * head.outputs
  const loopAt = aligned(toldAt + 4 * toldWords)
  const kernelAt = aligned(loopAt + head.loopBytes)
  const stepsAt = aligned(kernelAt + head.kernelBytes)
  const open = isNewest && (head.flags & 1) !== 0 ? 1 : 0
  const steps = Array.from({ length: Math.min(count + open, head.stepsMost) }, (_, i) => {
    const at = stepsAt + i * stepBytes
    const [raw = 0, check = 0] = words(bytes, at, 2)
    const setpoints = words(bytes, at + 8, head.setpoints)
    return { raw: raw >>> 0, check: i < count ? check >>> 0 : undefined, setpoints }
  })
  const start: BoxState = {
    turn: words(bytes, 8, 1)[0] ?? 0,
    inputs: words(bytes, 12, head.inputs),
    outputs: words(bytes, outputsAt, head.outputs),
    told: words(bytes, toldAt, toldWords),
    loop: bytes.subarray(loopAt, loopAt + head.loopBytes),
    kernel: bytes.subarray(kernelAt, kernelAt + head.kernelBytes),
  }
  return { order: order >>> 0, start, steps }
}
