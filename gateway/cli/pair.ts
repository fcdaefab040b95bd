// `tenfold pair`: asks a running gateway for a pairing code and shows it, with its QR code. The
// code lets one new unit in; nobody types a credential.
import { parseArgs } from 'node:util'
import type { PairingOffer } from '../pairing/desk.ts'
import { ask, askOptions, askUsage } from './ask.ts'
import type { Io } from './io.ts'

export const summary = 'shows a code with which one new unit pairs with the gateway'
export const usage = `usage: tenfold pair [options]

${askUsage}

The gateway has units.enrol set to "pairing". A new code makes the one before void; each is good
for one unit and ten minutes. A simulated unit takes it with "tenfold twin --pair CODE".`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({ args, options: askOptions })
  const offer = await ask<PairingOffer>(io, values, { path: '/api/pairing', body: {} })
  const { qrLines } = await import('../pairing/qr.ts')
  for (const line of qrLines(offer.uri)) io.out(line)
  io.out(`code   ${offer.code}`)
  io.out(`good   for one unit, ${Math.round(offer.seconds / 60)} minutes`)
  return 0
}
