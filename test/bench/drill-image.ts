// A machine's whole image for a Pico, the drill's at any rate and under load: what the figures of cycles and
// sizes are taken of. Leaves out the check of the rate, because the rate is what is asked.
import { buildImage, type Image } from '../../firmware/image.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { loadBoard, type Subject } from '../boards/stand.ts'
import { Pico } from '../emu/pico.ts'

const at = (profile: Profile, rateHz: number): Profile => ({
  ...profile,
  loops: Object.fromEntries(
    Object.entries(profile.loops).map(([name, loop]) => [name, { ...loop, rateHz }]),
  ),
})

/** @param lines Symbols and line numbers stay in its ELF. */
export const wholeImage = (
  subject: Subject,
  rateHz = subject.spec.rateHz,
  lines = false,
): Promise<Image> =>
  buildImage({
    profile: at(subject.profile, rateHz),
    profileDigest: '',
    loops: subject.machines.loops,
    board: { ...loadBoard('rp2040-pico'), worstStep: {} },
    purpose: 'machine',
    lines,
  })

/** Without crypto, bootloader and rings: what the goal of sizes is set for. */
export const smallImage = (subject: Subject, lines = false): Promise<Image> => {
  const board = loadBoard('rp2040-pico')
  const { black_box, ...parts } = board.flash.parts ?? {}
  return buildImage({
    ...{ profile: subject.profile, profileDigest: '', loops: subject.machines.loops },
    ...{ board: { ...board, flash: { ...board.flash, parts } }, purpose: 'machine' },
    withoutCrypto: true,
    lines,
  })
}

/** A Pico that drives the motor: armed, trigger pulled by two thirds, 0.3 s into the work. */
export const atWork = (image: Image): Pico => {
  let trigger = 0.3
  const slow = [1.9, 0.75, 0.75, 1.2]
  const pico: Pico = new Pico({
    bin: image.bin,
    analogue: (channel, level) => {
      const position = (level(10) ? 1 : 0) + (level(11) ? 2 : 0)
      const volts = channel === 0 ? trigger : channel === 1 ? 1.8 : (slow[position] ?? 0)
      return Math.round((volts / 3.3) * 4096)
    },
  })
  pico.drive(6, true)
  pico.run(2.1 * 125e6)
  trigger = 2
  pico.run(0.3 * 125e6)
  return pico
}
