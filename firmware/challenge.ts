// What a unit signs when it is challenged, byte for byte: the same on a board
// (runtime/link-identity.h), in the twin and where a gateway checks it. It begins with a purpose of
// its own, so that it is never an entry, a release or a pairing. Holds no key.

/** Bytes of a challenge's nonce. */
export const nonceBytes = 32

const purpose = new TextEncoder().encode('tenfold challenge 1\0')

/** Where a unit is in its life when it signs. */
export interface SignedPlace {
  boot: number
  /** Uptime, microseconds. */
  t: number
}

/** Purpose, nonce, boot (4 bytes) and uptime (8 bytes, both least significant byte first). */
export const challengeMessage = (nonce: Uint8Array, { boot, t }: SignedPlace): Uint8Array => {
  const message = new Uint8Array(purpose.length + nonce.length + 12)
  message.set(purpose)
  message.set(nonce, purpose.length)
  const place = new DataView(message.buffer, purpose.length + nonce.length)
  place.setUint32(0, boot, true)
  place.setBigUint64(4, BigInt(t), true)
  return message
}
