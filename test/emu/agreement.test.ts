// Two readings of one manual: what the register models answer, and what QEMU answers, to the same
// accesses by the same image, or commands of the flash chip. Only what both model, and nothing that
// depends on an emulator's pace: QEMU's flash is never busy, and keeps its write enable latch.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compilerInstalled } from '../boards/stand.ts'
import { Nrf51 } from './nrf51.ts'
import { type Bus, type FlashBus, modelBus, probeImage, qemuBus, qemuFlash } from './probe.ts'
import { type QemuBoard, qemuInstalled } from './qemu.ts'
import { Stm32 } from './stm32f405.ts'
import { W25q } from './w25q.ts'

const can = compilerInstalled() && qemuInstalled()
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

type Story = (bus: Bus) => Promise<Record<string, number | boolean>>

const modelOf = (board: QemuBoard, image: ReturnType<typeof probeImage>): Bus =>
  board === 'microbit'
    ? modelBus(
        (bin, onUart) => new Nrf51({ bin, onUart, flashTimes: { word: 4, page: 50 } }),
        image,
      )
    : modelBus((bin, onUart) => new Stm32({ bin, onUart }), image)

/** Gives what both answered; the model first. */
const bothSay = async (
  board: QemuBoard,
  image: ReturnType<typeof probeImage>,
  story: Story,
): Promise<[unknown, unknown]> => {
  const { bus, stop } = await qemuBus(board, image)
  stops.push(stop)
  return [await story(modelOf(board, image)), await story(bus)]
}

const gpio = 0x5000_0000
const ports: Story = async (bus) => {
  const said: Record<string, number> = {}
  said['PIN_CNF after reset'] = await bus.read(gpio + 0x700 + 4 * 3)
  await bus.write(gpio + 0x508, 0b1110)
  said['OUT, set'] = await bus.read(gpio + 0x504)
  await bus.write(gpio + 0x50c, 0b0100)
  said['OUT, cleared'] = await bus.read(gpio + 0x504)
  await bus.write(gpio + 0x70c, 1)
  said['PIN_CNF written'] = await bus.read(gpio + 0x70c)
  said['IN of an output that is high'] = (await bus.read(gpio + 0x510)) & (1 << 3)
  await bus.write(gpio + 0x50c, 1 << 3)
  said['and low'] = (await bus.read(gpio + 0x510)) & (1 << 3)
  await bus.write(gpio + 0x714, 3 << 2)
  said['IN of an input pulled up'] = (await bus.read(gpio + 0x510)) & (1 << 5)
  await bus.write(gpio + 0x714, 1 << 2)
  said['and pulled down'] = (await bus.read(gpio + 0x510)) & (1 << 5)
  return said
}

const timer = 0x4000_9000
const timers: Story = async (bus) => {
  const capture = async (): Promise<number> => {
    await bus.write(timer + 0x44, 1)
    return bus.read(timer + 0x544)
  }
  const said: Record<string, number | boolean> = {}
  await bus.write(timer + 0x508, 3)
  await bus.write(timer, 1)
  await bus.wait()
  const running = await capture()
  said['it counts'] = running > 100 && (await capture()) > running
  await bus.write(timer + 4, 1)
  const stood = await capture()
  await bus.wait()
  said['it stands'] = (await capture()) === stood
  await bus.write(timer, 1)
  said['it goes on'] = (await capture()) >= stood
  await bus.write(timer + 4, 1)
  await bus.write(timer + 0xc, 1)
  said['it is cleared'] = await capture()
  // QEMU has made an event of a compare at 0 when it started there; by 18.1 only a count that comes
  // to it makes one.
  await bus.write(timer + 0x140, 0)
  await bus.write(timer + 0x540, 50)
  await bus.write(timer + 0x200, 1)
  said['no event before it runs'] = await bus.read(timer + 0x140)
  await bus.write(timer, 1)
  await bus.wait()
  said['an event at the compare'] = await bus.read(timer + 0x140)
  said['which stays'] = await bus.read(timer + 0x140)
  said['and has cleared it'] = (await capture()) <= 50
  await bus.write(timer + 4, 1)
  await bus.write(timer + 0x140, 0)
  said['until it is cleared'] = await bus.read(timer + 0x140)
  await bus.write(timer + 0x200, 0)
  await bus.write(timer + 0x508, 1)
  await bus.write(timer, 1)
  await bus.wait()
  said['8 bits'] = (await capture()) < 256
  return said
}

const rng = 0x4000_d000
const noise: Story = async (bus) => {
  const said: Record<string, number> = {}
  const ready = (): Promise<number> => bus.read(rng + 0x100)
  const pass = async (): Promise<void> => {
    for (let i = 0; i < 8; i += 1) await bus.wait()
  }
  said['VALRDY after reset'] = await ready()
  await bus.write(rng, 1)
  await pass()
  said['VALRDY'] = await ready()
  said['a byte'] = (await bus.read(rng + 0x508)) >>> 8
  await bus.write(rng + 0x100, 0)
  await pass()
  said['and again'] = await ready()
  await bus.write(rng + 4, 1)
  await bus.write(rng + 0x100, 0)
  await pass()
  said['stopped'] = await ready()
  return said
}

const [nvmc, page] = [0x4001_e000, 0x3_f000]
const flash: Story = async (bus) => {
  const said: Record<string, number> = {}
  said['CONFIG after reset'] = await bus.read(nvmc + 0x504)
  said['READY'] = await bus.read(nvmc + 0x400)
  await bus.write(nvmc + 0x504, 2)
  // QEMU's flash is new with zeroes.
  for (const at of [page, page + 1024]) await bus.write(nvmc + 0x508, at)
  await bus.write(nvmc + 0x504, 1)
  said['WEN'] = await bus.read(nvmc + 0x504)
  await bus.write(page, 0xf0f0_f0f0)
  await bus.write(page, 0x3c3c_3c3c)
  said['bits only fall'] = await bus.read(page)
  await bus.write(page + 1020, 0)
  await bus.write(page + 1024, 5)
  await bus.write(nvmc + 0x504, 2)
  await bus.write(nvmc + 0x508, page)
  said['erased'] = await bus.read(page)
  said['to its end'] = await bus.read(page + 1020)
  said['and no further'] = await bus.read(page + 1024)
  await bus.write(nvmc + 0x504, 0)
  said['READY at last'] = await bus.read(nvmc + 0x400)
  return said
}

const uart: Story = async (bus) => ({
  'RXDRDY after a byte that was taken': await bus.ask('qx'),
  'and where it was cleared before': await bus.ask('px'),
  ENABLE: await bus.ask('py'),
})

const [usart, tim2] = [0x4001_1000, 0x4000_0000]
const serial: Story = async (bus) => {
  const said: Record<string, number> = {}
  // TC and TXE; what came was taken.
  said['SR'] = (await bus.read(usart)) & 0x2f
  said['BRR'] = await bus.read(usart + 8)
  said['CR1'] = await bus.read(usart + 12)
  return said
}
const micros: Story = async (bus) => {
  const said: Record<string, number | boolean> = {}
  await bus.write(0x4002_3840, 1)
  // Not CNT: QEMU's counts before it is enabled.
  said['CR1 and SR after reset'] = (await bus.read(tim2)) + (await bus.read(tim2 + 0x10))
  await bus.write(tim2 + 0x28, 999)
  await bus.write(tim2 + 0x2c, 0xffff_ffff)
  await bus.write(tim2 + 0x14, 1)
  await bus.write(tim2 + 0x34, 0x1234_5678)
  said['CCR1'] = await bus.read(tim2 + 0x34)
  await bus.write(tim2, 1)
  said['CR1'] = await bus.read(tim2)
  const before = await bus.read(tim2 + 0x24)
  await bus.wait()
  said['it counts'] = (await bus.read(tim2 + 0x24)) > before
  return said
}

describe.runIf(can)('a model and QEMU answer alike', { timeout: 120_000 }, () => {
  let images: Record<QemuBoard, ReturnType<typeof probeImage>>
  beforeAll(() => {
    images = { microbit: probeImage('microbit'), stm32f405: probeImage('stm32f405') }
  }, 120_000)

  test.each<[string, QemuBoard, Story]>([
    ["the nRF51's ports", 'microbit', ports],
    ["the nRF51's timers", 'microbit', timers],
    ["the nRF51's random numbers", 'microbit', noise],
    ["the nRF51's flash", 'microbit', flash],
    ["the nRF51's UART", 'microbit', uart],
    ["the STM32F405's USART", 'stm32f405', serial],
    ["the STM32F405's microseconds", 'stm32f405', micros],
  ])('%s', async (_, board, story) => {
    const [model, other] = await bothSay(board, images[board], story)
    expect(model).toEqual(other)
  })

  /** The model's chip, at which all the time that it needs goes by behind each command. */
  const modelFlash = (): FlashBus => {
    const chip = new W25q()
    return async (bytes, reads = 0) => {
      chip.select(true)
      for (const byte of bytes) chip.transfer(byte)
      const back = Array.from({ length: reads }, () => chip.transfer(0))
      chip.select(false)
      chip.nowUs += 1e6
      return back
    }
  }
  const cells = async (bus: FlashBus): Promise<Record<string, number[]>> => {
    const said: Record<string, number[]> = {}
    const program = async (at: number, ...bytes: number[]): Promise<void> => {
      await bus([0x06])
      await bus([0x02, at >>> 16, (at >>> 8) & 255, at & 255, ...bytes])
    }
    const read = (at: number, count: number): Promise<number[]> =>
      bus([0x03, at >>> 16, (at >>> 8) & 255, at & 255], count)
    // The number of the chip's size is another one; so is the family's, in QEMU.
    said['maker'] = (await bus([0x9f], 3)).slice(0, 1)
    await bus([0x06])
    said['status, write enabled'] = await bus([0x05], 1)
    await bus([0x04])
    said['and disabled'] = await bus([0x05], 1)
    await program(0x100, 0x55, 0xf0)
    said['programmed'] = await read(0xff, 4)
    await program(0x100, 0x0f, 0x3c)
    said['bits only fall'] = await read(0x100, 2)
    await program(0xfff, 1)
    await program(0x1000, 2)
    said['over the end of a sector'] = await read(0xfff, 2)
    await bus([0x06])
    // From its beginning: QEMU's erases 4 KB from wherever the address points to.
    await bus([0x20, 0, 0, 0])
    said['erased, that sector only'] = [...(await read(0x100, 2)), ...(await read(0xfff, 2))]
    return said
  }

  test('the serial flash', async () => {
    const { bus, stop } = await qemuFlash()
    stops.push(stop)
    expect(await cells(modelFlash())).toEqual(await cells(bus))
  })
})
