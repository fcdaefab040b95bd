// Records a session of each stock image on an emulated Pico: hello, dictionary, reports, a snapshot
// of usage, a key that is made, challenge, setpoint, questions of the bench, a trip and its events.
//   node test/serial/history/record.ts
// Writes what is not there yet for the protocol's version that the image speaks, and nothing else:
// a file that is there is history.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { imagesIn, type ReadyImage, stockFolder } from '../../../firmware/flash/images.ts'
import { fromUf2 } from '../../../firmware/uf2.ts'
import { profileDigest } from '../../../gateway/core/machine.ts'
import { encodeFrame, FrameReader } from '../../../gateway/sources/serial/frame.ts'
import {
  encodeMessage,
  type Field,
  protocol,
  type ToBoard,
} from '../../../gateway/sources/serial/messages.ts'
import { GatewayEnd } from '../../boards/gateway-end.ts'
import { ms } from '../../boards/pins.ts'
import { subjectOf } from '../../boards/stand.ts'
import { wiresOf } from '../../boards/switch-pins.ts'
import { Pico } from '../../emu/pico.ts'
import { noiseOf } from '../../emu/rosc.ts'
import { quickTimes, W25q } from '../../emu/w25q.ts'
import { countsOf } from '../../updates/joined.ts'
import { folder, play, readSession } from './session.ts'

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What hands and sensors do: at rest, at work, and so that the kernel ends it. */
interface World {
  counts: (channel: number, level: (pin: number) => boolean) => number
  drive: (pico: Pico) => void
  work: () => void
  fail: () => void
  rest: () => void
}

const drillWorld = (): World => {
  let [pulled, current, wiggle] = [false, 2048, 0]
  return {
    counts: (channel, level) => {
      wiggle = (wiggle + 1) & 3
      const position = Number(level(10)) + 2 * Number(level(11))
      return (channel === 1 ? current : countsOf(channel, position, pulled)) + wiggle
    },
    drive: () => {},
    work: () => {
      pulled = true
    },
    fail: () => {
      current = 3500
    },
    rest: () => {
      ;[pulled, current] = [false, 2048]
    },
  }
}

const switchedWorld = (machine: string): World => {
  const wires = wiresOf(subjectOf(machine))
  const { override } = wires
  const rest = { hold: 0, enable: 0, emergency_stop: 1, pressure: 3, oil_temperature: 24 }
  const put = (values: Readonly<Record<string, number>>): void => {
    for (const [name, value] of Object.entries(values)) override.set(name, value)
  }
  put({ ...rest, temperature: 25 })
  return {
    counts: wires.counts,
    drive: wires.drive,
    work: () => put({ hold: 1, enable: 1 }),
    fail: () => put({ pressure: 180, temperature: 400 }),
    rest: () => put({ ...rest, temperature: 25 }),
  }
}

class RecordedEnd extends GatewayEnd {
  readonly lines: string[]
  readonly #pico: Pico
  readonly #reader = new FrameReader()
  readonly world: World

  constructor(parts: { lines: string[]; world: World; flash: W25q; greeting: number }) {
    const { lines, world, flash, greeting } = parts
    super(() => this.#pico, { ms, byteCycles: 2700 }, greeting)
    this.lines = lines
    this.world = world
    this.#pico = new Pico({
      ...{ bin: flash.cells.slice(0, 256), flash, noise: noiseOf(11), analogue: world.counts },
      onUart: (byte) => this.heard(byte),
    })
    world.drive(this.#pico)
  }

  override heard(byte: number): void {
    super.heard(byte)
    this.#reader.push(Uint8Array.of(byte), (frame) =>
      this.lines.push(`< ${hexOf(encodeFrame(frame))}`),
    )
  }

  override send(kind: ToBoard, fields: readonly Field[]): void {
    this.lines.push(`> ${hexOf(encodeFrame(encodeMessage(kind, fields, protocol.newest)))}`)
    super.send(kind, fields)
  }

  /** Runs, the gateway there all the time. */
  stay(forMs: number): void {
    for (let left = forMs; left > 0; left -= 500) {
      this.meet(Math.min(left, 500))
      this.world.drive(this.#pico)
    }
  }

  cutPower(): void {
    this.#pico.cutPower()
  }

  /** From power-up until the gateway has what waited for it. */
  open(greeting: number): void {
    this.run(500)
    this.send('greet', [greeting])
    this.run(40)
    const { schemaBytes = 0 } = this.hello ?? {}
    for (let at = 0; at < schemaBytes; at += 256) {
      this.send('askSchema', [at])
      this.run(60)
    }
    this.meet(300)
    this.drain()
  }
}

/** What the flash holds once the image's file was put onto the board, from its start. */
const flashedBy = ({ files }: ReadyImage): Uint8Array =>
  files.get('bin') ?? fromUf2(files.get('uf2') ?? new Uint8Array()).image

/** A flash in which a boot before has counted usage: a snapshot waits. */
const usedFlash = (exercise: ReadyImage, image: ReadyImage): W25q => {
  const flash = new W25q({ times: quickTimes })
  const pico = new Pico({ bin: flashedBy(exercise), flash })
  const second = 1000 * ms
  for (const [line, seconds] of [
    ...[['', 1] as const, ['B\n', 60] as const, ['L\n', 1] as const],
    ...[['U 4d fa0\n', 60] as const, ['V\n', 60] as const],
  ]) {
    pico.ask(line, seconds * second)
  }
  pico.cutPower()
  flash.cells.set(flashedBy(image))
  return flash
}

const record = (flash: W25q, world: World, setpoints: number): string[] => {
  const lines: string[] = []
  const first = new RecordedEnd({ lines, world, flash, greeting: 1001 })
  first.open(1001)
  first.ask('makeKey', [Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1)], 4000)
  first.drain()
  first.cutPower()

  const end = new RecordedEnd({ lines, world, flash, greeting: 1002 })
  end.open(1002)
  end.ask('update', [5, 0, new Uint8Array(0)])
  end.ask('askBlackBox', [0, 0, 0])
  end.ask('selftest', [7])
  end.ask('calibrate', [0])
  // Signing takes its time; a board forgets who is silent for three seconds.
  end.ask('challenge', [new Uint8Array(32).fill(0x5a)], 300)
  end.stay(1500)
  world.work()
  end.stay(300)
  // Within its range; without any where the machine has none.
  end.ask('setpoint', [end.hello?.boot ?? 0, 2000, Array.from({ length: setpoints }, () => 6000)])
  end.stay(400)
  world.fail()
  end.stay(300)
  world.rest()
  end.stay(1500)
  end.drain()
  return lines
}

const images = imagesIn(stockFolder).filter(({ manifest }) => manifest.board === 'rp2040-pico')
for (const image of images) {
  const { machine, board, purpose, digests } = image.manifest
  if (purpose !== 'machine') continue
  const name = `v${protocol.newest}-${machine.replaceAll('_', '-')}-${board}`
  const file = join(folder, `${name}.frames`)
  if (existsSync(file)) {
    console.log(`${name} is there, and stays as it is`)
    continue
  }
  const exercise = images.find((one) => one.name === `${image.name}-exercise`)
  if (exercise === undefined) throw new Error(`${image.name} has no test build`)
  const { profile } = subjectOf(machine)
  const kept = `v${protocol.newest}-${machine.replaceAll('_', '-')}.machine`
  writeFileSync(join(folder, kept), `${JSON.stringify(profile)}\n`)
  const world = machine === 'cordless_drill' ? drillWorld() : switchedWorld(machine)
  const setpoints = Object.values(profile.signals).filter(
    ({ direction }) => direction === 'setpoint',
  )
  const head = [
    `# protocol ${protocol.newest}`,
    `# machine ${machine}`,
    `# board ${board}, rp2040js`,
    `# image ${digests.image}`,
    `# digest ${profileDigest(profile)} of the machine file`,
    `# file ${kept}`,
    '# made by test/serial/history/record.ts; history: never to be made anew',
  ]
  const lines = record(usedFlash(exercise, image), world, setpoints.length)
  writeFileSync(file, `${[...head, ...lines].join('\n')}\n`)
  const played = play(readSession(name), protocol)
  writeFileSync(join(folder, `${name}.expected`), `${played.lines.join('\n')}\n`)
  console.log(name, lines.length, played.lines.length, played.status, played.notes)
}
