// What breaks the rules of MQTT itself, under our codes: what the library says of it in words, and
// the few things that it lets through although a server must close the connection for them. It
// judges bytes and texts only; who may do what is access.ts.
import type { Aedes, Client, ConnectPacket } from 'aedes'
import { OperatingError, operatingError } from '../../core/errors.ts'

/** What the library says, and which rule of MQTT 3.1.1 stands behind it. */
const rules: readonly { said: RegExp; code: string }[] = [
  // 3.1.2.2: answered with CONNACK 1.
  { said: /^unacceptable protocol version$/, code: 'version_unsupported' },
  // 3.1.0-1, 3.1.0-2: a CONNECT comes first, and once.
  { said: /^Invalid protocol$/, code: 'packet_unexpected' },
  { said: /^connect did not arrive in time$/, code: 'connect_late' },
  // 3.3.2-2, 4.7.1-2, 4.7.1-3.
  { said: /^[#+] is (?:not|only) allowed in /, code: 'topic_wildcard' },
  { said: /^topic has too many levels$/, code: 'topic_long' },
  // 4.8.0-1: every other breach. The parser's own words.
  {
    said: /^(?:Packet |Cannot parse|Invalid |Malformed|Connect flag|Will |Not supported|Unknown)/,
    code: 'packet_malformed',
  },
]

/** Code of an error that ended a connection; undefined where it broke no rule. */
const ruleBroken = (error: Error): string | undefined =>
  operatingError(error)?.code ?? rules.find(({ said }) => said.test(error.message))?.code

/** Says to `note` why connections end; `from` is the address of one that has no client id yet. */
export const tellEnds = (
  broker: Aedes,
  { note, from }: { note(line: string): void; from(client: Client): string | undefined },
): void => {
  // With its code a flood of one kind is one kind, whoever the clients are.
  broker.on('clientError', (client, error) => {
    const code = ruleBroken(error)
    note(`mqtt: ${client.id}: ${error.message}${code === undefined ? '' : ` (${code})`}`)
  })
  // Who only looked whether somebody listens has broken no rule.
  broker.on('connectionError', (client, error) => {
    const code = ruleBroken(error)
    if (code !== undefined) note(`mqtt: ${from(client)} disconnected: ${error.message} (${code})`)
  })
}

export const malformed = (message: string): OperatingError =>
  new OperatingError('packet_malformed', {
    message,
    remedy: 'Check what the client sends: this is no packet of MQTT 3.1.1.',
  })

/**
 * Whether a text came as UTF-8 without U+0000 (MQTT 3.1.1, 1.5.3). What is no UTF-8 was read as
 * U+FFFD: a text that has that character in it is taken for one.
 */
export const isText = (text: string): boolean => !/[\0\uFFFD]/.test(text)

/** Why a CONNECT is none: one of its texts; undefined where they are. */
export const wrongConnect = (packet: ConnectPacket): OperatingError | undefined => {
  const { clientId, username, will } = packet
  const texts = { 'client id': clientId, name: username, "will's topic": will?.topic }
  const wrong = Object.entries(texts).find(([, text]) => text !== undefined && !isText(text))
  return wrong && malformed(`the ${wrong[0]} is not UTF-8, or has U+0000 in it`)
}
