// A QR code as lines of text, for a terminal: the code of a pairing, read by a phone. The one place
// that draws one.
import { renderUnicodeCompact } from 'uqr'

export const qrLines = (text: string): string[] =>
  renderUnicodeCompact(text, { ecc: 'M', border: 2 }).split('\n')
