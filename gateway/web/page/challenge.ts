// Has a unit show that it has its key, by a button beside that key. The gateway asks, judges and
// says what came of it in a sentence; nothing is judged or kept here.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { ChallengeOutcome } from '../../core/challenge.ts'
import { api, Refusal } from './api.ts'
import { type Page, problem } from './view.ts'

export interface ChallengeButton {
  template(): TemplateResult
}

interface Asked {
  isOpen: boolean
  outcome?: ChallengeOutcome
  error?: { message: string; remedy: string }
}

export const openChallenge = (page: Page, unit: string): ChallengeButton => {
  let asked: Asked | undefined
  const challenge = async (): Promise<void> => {
    if (asked?.isOpen === true) return
    const now: Asked = { isOpen: true }
    asked = now
    page.redraw()
    try {
      now.outcome = await api.challenge(unit)
    } catch (error) {
      const remedy = error instanceof Refusal ? error.remedy : ''
      now.error = { message: (error as Error).message, remedy }
    }
    now.isOpen = false
    page.redraw()
  }
  return {
    template: () =>
      html`<div id="challenge">
        <p class="actions">
          <button
            class="button"
            type="button"
            ?disabled=${asked?.isOpen === true}
            @click=${challenge}
          >
            Challenge it
          </button>
        </p>
        <p role="status">${asked === undefined ? explained : outcome(asked)}</p>
        ${asked?.error === undefined ? nothing : problem(asked.error)}
      </div>`,
  }
}

const explained = html`<span class="quiet">
  It has to sign a number that was never there, with the key above.
</span>`

const outcome = ({ isOpen, outcome }: Asked) => {
  if (isOpen) return 'Waiting for its answer…'
  if (outcome === undefined) return nothing
  const kind = outcome.verdict === 'genuine' ? 'signed' : 'warning'
  return html`<span class="badge ${kind}">${titles[outcome.verdict]}</span> ${outcome.said}`
}

const titles: Readonly<Record<ChallengeOutcome['verdict'], string>> = {
  genuine: 'genuine',
  other_key: 'other key',
  other_start: 'other start',
  no_answer: 'no answer',
  refused: 'refused',
}
