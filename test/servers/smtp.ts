// A mail server as far as a sender sees it (RFC 5321): takes messages, keeps them, and can refuse.
// Plain text on loopback only.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

export interface Smtp {
  readonly port: number
  /** Each with its envelope and its text. */
  readonly taken: { from: string; to: string[]; text: string }[]
  /** Answer to the next MAIL FROM, such as `451 try later`. */
  refuse: string | undefined
  remove(): Promise<void>
}

export const startSmtp = async (): Promise<Smtp> => {
  const taken: Smtp['taken'] = []
  const state: { refuse: string | undefined } = { refuse: undefined }
  const server = createServer((socket) => {
    let mail = { from: '', to: [] as string[], text: '' }
    let inData = false
    let rest = ''
    const say = (line: string): void => void socket.write(`${line}\r\n`)
    const command = (line: string): void => {
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO' || verb === 'HELO') say('250 here')
      else if (verb === 'MAIL') {
        const refusal = state.refuse
        state.refuse = undefined
        mail = { from: line, to: [], text: '' }
        say(refusal ?? '250 ok')
      } else if (verb === 'RCPT') {
        mail.to.push(line)
        say('250 ok')
      } else if (verb === 'DATA') {
        inData = true
        say('354 go on')
      } else if (verb === 'QUIT') {
        say('221 bye')
        socket.end()
      } else say('250 ok')
    }
    say('220 tests')
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const lines = (rest + bytes.toString()).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (!inData) command(line)
        else if (line === '.') {
          inData = false
          taken.push(mail)
          say('250 taken')
        } else mail.text += `${line}\n`
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    get refuse() {
      return state.refuse
    },
    set refuse(line) {
      state.refuse = line
    },
    remove: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}
