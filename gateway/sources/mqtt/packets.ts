// The packets and clients that aedes hands to its memory, and packets as texts for the disk. What
// is done with them is the matter of sessions.ts and wills.ts.

/** A packet as aedes hands it over: a PUBLISH, or the PUBREL that has taken its place. */
export interface SessionPacket {
  cmd: 'publish' | 'pubrel'
  messageId?: number | undefined
  brokerId?: string | undefined
  brokerCounter?: number | undefined
  topic?: string
  payload?: Uint8Array | string
  qos?: 0 | 1 | 2
  retain?: boolean
  dup?: boolean
}

export interface SessionClient {
  id: string
  clean?: boolean
}

export const encode = ({ payload, ...packet }: SessionPacket): string => {
  const { cmd, messageId, brokerId, brokerCounter, topic, qos, retain } = packet
  const text = payload === undefined ? undefined : Buffer.from(payload).toString('base64')
  return JSON.stringify({ cmd, messageId, brokerId, brokerCounter, topic, qos, retain, text })
}

export const decode = (text: string): SessionPacket => {
  const { text: payload, ...packet } = JSON.parse(text) as SessionPacket & { text?: string }
  return payload === undefined ? packet : { ...packet, payload: Buffer.from(payload, 'base64') }
}
