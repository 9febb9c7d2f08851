/** A fake for each preset. */
import { anthropic } from './apis/anthropic.ts'
import { awsS3 } from './apis/aws-s3.ts'
import { datadog } from './apis/datadog.ts'
import { discord } from './apis/discord.ts'
import { elasticsearch } from './apis/elasticsearch.ts'
import { github } from './apis/github.ts'
import { gitlab } from './apis/gitlab.ts'
import { google } from './apis/google.ts'
import { hubspot } from './apis/hubspot.ts'
import { jira } from './apis/jira.ts'
import { linear } from './apis/linear.ts'
import { meta } from './apis/meta.ts'
import { notion } from './apis/notion.ts'
import { npm } from './apis/npm.ts'
import { openai } from './apis/openai.ts'
import { sentry } from './apis/sentry.ts'
import { shopify } from './apis/shopify.ts'
import { slack } from './apis/slack.ts'
import { stripe } from './apis/stripe.ts'
import { twilio } from './apis/twilio.ts'
import type { FakeApi } from './fake-api.ts'

export const fakeApis: readonly FakeApi[] = [
  anthropic,
  awsS3,
  datadog,
  discord,
  elasticsearch,
  github,
  gitlab,
  google,
  hubspot,
  jira,
  linear,
  meta,
  notion,
  npm,
  openai,
  sentry,
  shopify,
  slack,
  stripe,
  twilio,
]
