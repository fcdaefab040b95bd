// How a claim reaches the broker: one message, made durable before it returns. Not a command by
// itself.
import { randomBytes } from 'node:crypto'

export interface Login {
  user: string
  password: string
}

interface Delivery {
  url: string
  topic: string
  message: Uint8Array
  login: Login | undefined
}

// Loaded when needed: `tenfold help` loads every command, and needs no MQTT.
export const send = async ({ url, topic, message, login }: Delivery): Promise<void> => {
  const { connectUnit } = await import('../mqtt/client.ts')
  const clientId = `claim-${randomBytes(6).toString('hex')}`
  const credentials = login === undefined ? {} : { username: login.user, password: login.password }
  const connection = await connectUnit({ url, clientId, ...credentials })
  try {
    await connection.publish(topic, message)
  } finally {
    await connection.stop()
  }
}
