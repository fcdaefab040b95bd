// Where the rules of a register come from: a file of the idea's summoner, or the usual ones with
// the gateway's own key. It must not know a config's schema or a data folder.
import { readFileSync } from 'node:fs'
import { OperatingError } from '../core/errors.ts'
import { type Did, type LedgerRules, parseRules } from './rules.ts'

/** What the settings say about rules. */
export interface RulesChoice {
  /** Absolute path of a file with full rules; the other settings then do not apply. */
  rules?: string | undefined
  /** Without it the operator. */
  founder?: Did | undefined
  /** Without it the founder. */
  management?: Did | undefined
}

const usualFile = new URL('./usual-rules.json', import.meta.url)

/**
 * The rules of a register. @param operator did:key of the gateway that signs the log
 * @throws OperatingError rules_unreadable, rules_malformed (every mistake at once)
 */
export const readRules = (choice: RulesChoice, operator: Did): LedgerRules => {
  const founder = choice.founder ?? operator
  const named = { founder, management: choice.management ?? founder }
  const value = read(choice.rules ?? usualFile)
  const parsed = parseRules(choice.rules === undefined ? { ...(value as object), ...named } : value)
  if (parsed.ok) return parsed.rules
  throw new OperatingError('rules_malformed', {
    message: `The rules of the ledger have mistakes:\n  ${parsed.mistakes.join('\n  ')}`,
    remedy: 'Correct the file that the setting ledger.rules names; gateway/ledger/README.md helps.',
  })
}

const read = (file: string | URL): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new OperatingError('rules_unreadable', {
      message: `The rules at ${file} cannot be read: ${(cause as Error).message}`,
      remedy: 'Check the path in the setting ledger.rules, and that the file is JSON.',
      cause,
    })
  }
}
