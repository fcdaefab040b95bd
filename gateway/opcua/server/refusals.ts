// Tells the person who runs the gateway what clients were refused: a write, a call. It stands
// between the library's services and the address space, and changes nothing of what they answer.

import type * as opcua from 'node-opcua'
import type { CallMethodRequest, ISessionContext, StatusCode, WriteValue } from 'node-opcua'

type Accessor = NonNullable<opcua.ServerEngine['addressSpaceAccessor']>

/** An accessor that notes each request in which something was refused, in one line. */
export const noting = (inner: Accessor, note: (line: string) => void): Accessor => {
  const look = (
    context: ISessionContext,
    what: string,
    refused: readonly { node: string; status: string }[],
  ): void => {
    const [first] = refused
    if (first === undefined) return
    const more = refused.length === 1 ? '' : `, and ${refused.length - 1} more`
    const said = `${context.getUserName()} may not ${what} "${first.node}"`
    note(`${said}: ${first.status}${more} (opcua_refused)`)
  }
  const isRefused = (status: StatusCode | undefined): boolean =>
    status !== undefined && refusals.has(status.name)
  return {
    browse: (context, nodes) => inner.browse(context, nodes),
    read: (context, request) => inner.read(context, request),
    historyRead: (context, request) => inner.historyRead(context, request),
    write: async (context: ISessionContext, values: WriteValue[]) => {
      const results = await inner.write(context, values)
      const refused = values.flatMap(({ nodeId }, i) => {
        const status = results[i]
        return isRefused(status) ? [{ node: String(nodeId), status: String(status?.name) }] : []
      })
      look(context, 'write', refused)
      return results
    },
    call: async (context: ISessionContext, methods: CallMethodRequest[]) => {
      const results = await inner.call(context, methods)
      const refused = methods.flatMap(({ methodId }, i) => {
        const status = results[i]?.statusCode
        return isRefused(status) ? [{ node: String(methodId), status: String(status?.name) }] : []
      })
      look(context, 'call', refused)
      return results
    },
  }
}

/** What a client may not do, however it asks; other errors are its own to read. */
const refusals: ReadonlySet<string> = new Set([
  ...['BadNotWritable', 'BadUserAccessDenied', 'BadNotExecutable'],
  'BadSecurityModeInsufficient',
])
