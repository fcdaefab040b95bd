// A machine's whole image for a Pico, the drill's at any rate and under load: what the figures of
// cycles and sizes are taken of. Leaves out the check of the rate, because the rate is what is
// asked.
import { buildImage, type Image } from '../../firmware/image.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { atRest, pin, put } from '../boards/pins.ts'
import { loadBoard, type Subject } from '../boards/stand.ts'
import type { Pico } from '../emu/pico.ts'

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
    board: loadBoard('rp2040-pico'),
    uncheckedRate: true,
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

/**
 * A Pico that drives the motor: armed, trigger pulled by two thirds, 0.3 s into the work at 20 A.
 * Throws where it does not drive: what rests takes less, and would be no figure of work.
 */
export const atWork = (image: Image): Pico => {
  const volts = atRest()
  const { pico } = put(image, volts)
  pico.run(2.1 * 125e6)
  volts.trigger = 2
  pico.run(0.05 * 125e6)
  volts.current = 1.8
  pico.run(0.25 * 125e6)
  if (!pico.level(pin.gate)) throw new Error('the drill does not drive')
  return pico
}
