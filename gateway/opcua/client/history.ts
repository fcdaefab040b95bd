// What a server kept while nobody listened: raw values of some nodes between two times, page by
// page, so that a long gap needs no more memory than a short one.
import * as opcua from 'node-opcua'
import { inChunks } from './session.ts'

export interface HistoryNode {
  readonly handle: number
  readonly nodeId: opcua.NodeId
  /** Values up to this source time are known, microseconds since 1970. */
  readonly afterUs: number
}

export interface HistoryParts {
  session: opcua.ClientSession
  nodes: readonly HistoryNode[]
  /** Values from here on come by subscription, microseconds since 1970. */
  untilUs: number
  /** Nodes in one call. */
  limit: number
  /** Resolves when the values may be forgotten. */
  onPage(values: readonly { handle: number; value: opcua.DataValue }[]): Promise<void>
}

/** Values of one node in one answer. */
const pageValues = 1000
/** Pages of one call at most: a server whose continuation never ends must not hold the link. */
const pagesMax = 10_000

/** Returns the handles of the nodes whose history was read to its end. */
export const readHistory = async (parts: HistoryParts): Promise<Set<number>> => {
  const filled = new Set<number>()
  for (const chunk of inChunks(parts.nodes, parts.limit)) {
    let open = chunk.map((node) => ({ node, continuationPoint: undefined as Buffer | undefined }))
    for (let page = 0; open.length > 0 && page < pagesMax; page++) {
      const results = await ask(parts, open)
      const values: { handle: number; value: opcua.DataValue }[] = []
      const next: typeof open = []
      for (const [i, item] of open.entries()) {
        const result = results[i]
        if (result === undefined || result.statusCode.isNotGood()) continue
        const data = result.historyData
        if (!(data instanceof opcua.HistoryData)) continue
        for (const value of data.dataValues ?? []) values.push({ handle: item.node.handle, value })
        const { continuationPoint } = result
        if (continuationPoint?.length > 0) next.push({ node: item.node, continuationPoint })
        else filled.add(item.node.handle)
      }
      await parts.onPage(values)
      open = next
    }
  }
  return filled
}

const ask = async (
  { session, untilUs }: HistoryParts,
  open: readonly { node: HistoryNode; continuationPoint: Buffer | undefined }[],
): Promise<opcua.HistoryReadResult[]> => {
  const fromUs = Math.min(...open.map(({ node }) => node.afterUs))
  const request = new opcua.HistoryReadRequest({
    historyReadDetails: new opcua.ReadRawModifiedDetails({
      isReadModified: false,
      startTime: new Date(Math.floor(fromUs / 1000)),
      endTime: new Date(Math.ceil(untilUs / 1000)),
      numValuesPerNode: pageValues,
      returnBounds: false,
    }),
    timestampsToReturn: opcua.TimestampsToReturn.Both,
    releaseContinuationPoints: false,
    nodesToRead: open.map(({ node, continuationPoint }) => ({
      nodeId: node.nodeId,
      ...(continuationPoint === undefined ? {} : { continuationPoint }),
    })),
  })
  const response = await session.historyRead(request)
  return response.results ?? []
}
