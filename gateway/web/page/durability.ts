// Does it last ten times longer? What the life tables of this gateway's units say, against the
// tool that the reader names. It shows the verdict's own words and never says more than they do.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { CohortDurability } from '../../core/queries.ts'
import { api } from './api.ts'
import { number } from './format.ts'
import { badge, keepAsking, type Page, shown, type View } from './view.ts'

type Verdict = Omit<CohortDurability, 'svg'>

export const durabilityView = (page: Page): View => {
  // Named by the reader and kept in the view only: no figure of another maker is assumed here.
  let reference = ''
  let beta = ''
  const query = (): string => new URLSearchParams({ reference, beta }).toString()
  const verdicts = keepAsking(() => api.durability(query()), 15_000, page.redraw)
  const take =
    (set: (text: string) => void) =>
    (event: Event): void => {
      const { value, validity } = event.target as HTMLInputElement
      if (!validity.valid) return
      set(value)
      verdicts.refresh()
    }
  const form = (): TemplateResult =>
    html`<form class="card ask" @submit=${(event: Event) => event.preventDefault()}>
      <label>
        B10 of the tool to compare with, hours of use
        <input
          type="number"
          min="0.1"
          step="any"
          inputmode="decimal"
          placeholder="such as 20"
          @change=${take((text) => {
            reference = text
          })}
        />
      </label>
      <label>
        Shape to assume below two failures
        <input
          type="number"
          min="0.1"
          step="any"
          inputmode="decimal"
          placeholder="such as 1.5"
          @change=${take((text) => {
            beta = text
          })}
        />
      </label>
    </form>`
  return {
    title: 'Durability',
    stop: verdicts.stop,
    template: () =>
      html`<h1>Durability</h1>
        <p class="lead">
          Ages at first failure of the units here, and of those that still run. Units that fell
          silent count at their best and at their worst. Simulated units count for nothing.
        </p>
        ${form()}
        ${shown(verdicts, (list) => list.map((each) => cohortCard(each, query())))}`,
  }
}

const cohortCard = (verdict: Verdict, query: string): TemplateResult => {
  const { cohort, machine, words, b10, units, failures, silent, confidence } = verdict
  const id = `cohort-${machine}`
  return html`<section class="card" aria-labelledby=${id}>
    <header class="card-head">
      <h2 id=${id}>${cohort.replaceAll('_', ' ')}</h2>
      <p class="badges">
        ${badge(`${units} units`)}
        ${badge(`${failures} failed`, failures > 0 ? 'warning' : 'quiet')}
        ${silent > 0 ? badge(`${silent} silent`, 'warning') : nothing}
      </p>
    </header>
    <p class="verdict">${sentence(words)}.</p>
    <p class="quiet">
      ${b10 === undefined ? 'No B10 yet: it needs two failures or more.' : b10Text(b10, confidence)}
      ${leftOut(verdict)}
    </p>
    ${
      b10 === undefined
        ? nothing
        : html`<img
            class="plot-image"
            src=${api.durabilityPlot(machine, query)}
            alt="Probability plot: share failed by hours of use, fitted line and bounds"
            width="860"
            height="540"
          />`
    }
  </section>`
}

const b10Text = ({ value, lower, upper }: NonNullable<Verdict['b10']>, sure: number): string =>
  `A tenth has failed by ${hours(value)} of use; ${hours(lower)} to ${hours(upper)} at ` +
  `${number(sure * 100, 0)} % confidence.`

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const hours = (value: number): string => `${number(value, value < 100 ? 1 : 0)} h`

const leftOut = ({ simulatedLeftOut, unusedLeftOut }: Verdict): string => {
  const parts = [
    simulatedLeftOut > 0 ? `${simulatedLeftOut} simulated` : '',
    unusedLeftOut > 0 ? `${unusedLeftOut} not used since this gateway met them` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : `Left out: ${parts.join(', ')}.`
}
