// A QR code: the code of a pairing, read by a phone. As lines of text for a terminal, and as rows
// of modules for the page, which draws them. The one place that makes one.
import { encode, renderUnicodeCompact } from 'uqr'

const look = { ecc: 'M', border: 2 } as const

export const qrLines = (text: string): string[] => renderUnicodeCompact(text, look).split('\n')

/** From top to bottom; `1` is dark, with a quiet zone of two modules around. */
export const qrRows = (text: string): string[] =>
  encode(text, look).data.map((row) => row.map((isDark) => (isDark ? '1' : '0')).join(''))
