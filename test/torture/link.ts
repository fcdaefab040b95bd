// A cable between two programs on this machine that can fail as real ones do: carry nothing for a
// while, lose its connections without a word to either end, or be cut. Plain TCP, no packet of it
// is looked at.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Link {
  readonly port: number
  /** Nothing passes, and nobody is told; new connections are taken and carry nothing either. */
  freeze(): void
  /** What waited passes on. */
  thaw(): void
  /** The present connections stay open for ever and carry nothing; new ones work. */
  forget(): void
  /** All present connections are reset. */
  cut(): void
  close(): Promise<void>
}

interface Pair {
  near: Socket
  far: Socket
}

/** Leads to `port` of this machine. */
export const startLink = async (port: number): Promise<Link> => {
  const pairs = new Set<Pair>()
  let frozen = false
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    const pair = { near, far }
    pairs.add(pair)
    near.setNoDelay(true)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy())
      from.on('end', () => to.end())
      from.on('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
    }
    if (frozen) return
    join(pair)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      frozen = true
      for (const pair of pairs) part(pair)
    },
    thaw() {
      frozen = false
      for (const pair of pairs) join(pair)
    },
    forget() {
      for (const pair of pairs) part(pair)
      pairs.clear()
    },
    cut() {
      for (const { near, far } of pairs) {
        near.resetAndDestroy()
        far.resetAndDestroy()
      }
    },
    async close() {
      for (const { near, far } of pairs) {
        near.destroy()
        far.destroy()
      }
      server.close()
    },
  }
}

const join = ({ near, far }: Pair): void => {
  near.pipe(far)
  far.pipe(near)
}

/** Neither end is read any more: not even its end is noticed. */
const part = ({ near, far }: Pair): void => {
  near.unpipe(far)
  far.unpipe(near)
  near.pause()
  far.pause()
}
