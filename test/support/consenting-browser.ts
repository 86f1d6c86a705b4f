import type { OAuthClientProvider } from '@modelcontextprotocol/client';

type Information = Awaited<ReturnType<OAuthClientProvider['clientInformation']>>;
type Tokens = Awaited<ReturnType<OAuthClientProvider['tokens']>>;

/** What a host gives its client: a store in memory, and a browser whose user agrees at once. */
export class ConsentingBrowser implements OAuthClientProvider {
  readonly redirectUrl = 'http://127.0.0.1:1/callback';
  readonly clientMetadata = {
    client_name: 'host',
    redirect_uris: [this.redirectUrl],
    token_endpoint_auth_method: 'none',
  };
  private information: Information;
  private stored: Tokens;
  private verifier = '';
  private asked: URL | undefined;

  clientInformation(): Information {
    return this.information;
  }

  saveClientInformation(information: Information): void {
    this.information = information;
  }

  tokens(): Tokens {
    return this.stored;
  }

  saveTokens(tokens: Tokens): void {
    this.stored = tokens;
  }

  saveCodeVerifier(verifier: string): void {
    this.verifier = verifier;
  }

  codeVerifier(): string {
    return this.verifier;
  }

  redirectToAuthorization(url: URL): void {
    this.asked = url;
  }

  /** The page that was opened last answers with a code. */
  async agree(): Promise<string> {
    if (!this.asked) throw new Error('no page was opened');
    const { headers } = await fetch(this.asked, { redirect: 'manual' });
    this.asked = undefined;
    const code = new URL(headers.get('location') ?? '').searchParams.get('code');
    if (code === null) throw new Error('no code came');
    return code;
  }
}
