// One request to the pages of a gateway, over http or https. Beside fetch for one reason: a
// certificate of the gateway's own authority, which no other program on the machine has to trust.
// Nothing here turns the check of a certificate off. Not a command by itself.
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { strictTls } from '../mqtt/tls.ts'

/** Whom to believe at an https address; nothing: the usual authorities. */
export interface Trust {
  /** PEM: of the authority that signs, or of the very certificate that is `pinned`. */
  ca?: string
  /** Only this certificate will do, under whatever name or address it is asked. */
  pinned?: boolean
}

export interface Asked {
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  body?: string
  trust?: Trust
  signal?: AbortSignal
}

export interface Answered {
  readonly status: number
  readonly ok: boolean
  readonly text: string
}

/** Rejects with what the connection failed of. */
export const request = (url: URL, asked: Asked = {}): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body, trust = {}, signal } = asked
    const options = { method, headers, agent: false, ...(signal && { signal }) } as const
    const sent =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, ...strictTls, ...checksOf(trust) })
        : requestHttp(url, options)
    sent.on('error', reject)
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0 } = response
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status, ok: status >= 200 && status < 300, text })
      })
    })
    sent.end(body)
  })

const checksOf = ({ ca, pinned }: Trust) => {
  if (ca === undefined) return {}
  if (pinned !== true) return { ca }
  // Who has this certificate is who is meant: its name may be one that this machine does not use.
  return { ca, allowPartialTrustChain: true, checkServerIdentity: () => undefined }
}
