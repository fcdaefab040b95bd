// What is said where a board cannot be asked, or does not know what it is asked: the same words for
// keys and updates. No logic.
import { OperatingError } from '../core/errors.ts'

export const silentLine = (unit: string): OperatingError =>
  new OperatingError('unit_silent', {
    message: `the unit "${unit}" is not heard on a serial line now; nothing waits for it`,
    remedy: 'Join its board to this gateway (sources.serial), and ask again when it is heard.',
  })

export const notTaken = (unit: string): OperatingError =>
  new OperatingError('update_unsupported', {
    message: `the firmware of "${unit}" takes no updates: it has no bootloader`,
    remedy: 'Flash it once with the board in hand: tenfold flash, with an image that has slots.',
  })
