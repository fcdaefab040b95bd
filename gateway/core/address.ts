// Addresses as a person on this machine can use them: a server that is bound to all of them is
// asked at none. It resolves no name and opens nothing.

/** An address to reach what is bound to `host`, which may be every address of this machine. */
export const reachable = (host: string): string => {
  const other = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return other.includes(':') ? `[${other}]` : other
}
