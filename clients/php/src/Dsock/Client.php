<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/**
 * The calls of dSock's API: claims, and messages for users, sessions and channels.
 *
 *     $dsock = new Client('http://127.0.0.1:6241', token: 'abc123');
 *     $claim = $dsock->createClaim('1', channels: ['news']);
 *     $dsock->send(Target::user('1'), 'hello');
 *
 * Every call is a request on a connection of its own. Every method throws a RefusedException if
 * the server says no, and a NoAnswerException if it does not answer.
 */
final class Client
{
    private readonly Server $server;
    private readonly string $token;

    /**
     * Nothing is sent yet.
     *
     * @param string               $url     http://host:port or https://, with a path if a proxy has
     *                                      the API below one
     * @param string               $token   dsock.token of the configuration
     * @param float                $timeout seconds that a call may take
     * @param array<string, mixed> $tls     for https: "SSL context options" of PHP's manual
     */
    public function __construct(
        string $url,
        #[\SensitiveParameter] string $token,
        float $timeout = 10.0,
        array $tls = [],
    ) {
        if (preg_match('/\A[!-~](?:[ -~]*[!-~])?\z/', $token) !== 1) {
            throw new \InvalidArgumentException('The token has to be visible ASCII characters.');
        }
        $this->token = $token;
        $this->server = new Server($url, $timeout, $tls);
    }

    /**
     * Makes a claim, which is good for one connection within 60 seconds unless told otherwise.
     *
     * @param string       $user       whose connection it makes
     * @param list<string> $channels
     * @param ?int         $duration   for how many seconds it is good
     * @param ?int         $expiration or when it ends, in seconds since 1970
     * @param ?string      $id         instead of one that nobody can guess
     */
    public function createClaim(
        string $user,
        ?string $session = null,
        array $channels = [],
        ?int $duration = null,
        ?int $expiration = null,
        ?string $id = null,
    ): Claim {
        if ($duration !== null && $expiration !== null) {
            throw new \InvalidArgumentException('A claim has a duration or an expiration.');
        }
        $parameters = Target::user($user, $session)->parameters + [
            'channels' => $channels === [] ? null : Names::channels($channels),
            'duration' => $duration,
            'expiration' => $expiration,
            'id' => $id === null ? null : Names::checked('id', $id),
        ];
        return Claim::of($this->call('POST', '/claim', $parameters)->object('claim'));
    }

    /**
     * Sends a message; that nobody is there is no error.
     *
     * @param bool $binary text must be UTF-8; all else is sent with true
     */
    public function send(Target $target, string $message, bool $binary = false): void
    {
        $parameters = $target->parameters + ['type' => $binary ? 'binary' : 'text'];
        $this->call('POST', '/send', $parameters, $message);
    }

    /** Closes connections with 1000 and, unless told to keep them, forgets the target's claims. */
    public function disconnect(Target $target, bool $keepClaims = false): void
    {
        $parameters = $target->parameters + ['keepClaims' => $keepClaims ? 'true' : null];
        $this->call('POST', '/disconnect', $parameters);
    }

    /** Who is connected, and who may be soon. */
    public function info(Target $target): Info
    {
        return Info::of($this->call('GET', '/info', $target->parameters));
    }

    /**
     * Puts connections and, unless told to ignore them, claims into channels.
     *
     * @param string|list<string> $channels
     */
    public function subscribe(
        string|array $channels,
        Target $target,
        bool $ignoreClaims = false,
    ): void {
        $this->changeChannels('subscribe', (array) $channels, $target, $ignoreClaims);
    }

    /**
     * Takes them out.
     *
     * @param string|list<string> $channels
     */
    public function unsubscribe(
        string|array $channels,
        Target $target,
        bool $ignoreClaims = false,
    ): void {
        $this->changeChannels('unsubscribe', (array) $channels, $target, $ignoreClaims);
    }

    /** Throws if the server is not there. It is not shown the token. */
    public function ping(): void
    {
        $answer = $this->server->ask('GET', '/ping', [], '');
        if ($answer->status !== 200) {
            throw RefusedException::unexpected($answer);
        }
    }

    /** Keeps the token out of var_dump(). */
    public function __debugInfo(): array
    {
        return ['server' => $this->server];
    }

    /** @param list<string> $channels */
    private function changeChannels(
        string $change,
        array $channels,
        Target $target,
        bool $ignoreClaims,
    ): void {
        $path = "/channel/$change/" . Names::segment($channels);
        $parameters = $target->parameters + ['ignoreClaims' => $ignoreClaims ? 'true' : null];
        $this->call('POST', $path, $parameters);
    }

    /** @param array<string, string|int|null> $parameters those that are null are left out */
    private function call(string $method, string $path, array $parameters, string $body = ''): Members
    {
        $fields = [
            'Authorization' => "Bearer $this->token",
            'Content-Type' => 'application/octet-stream',
        ];
        $query = http_build_query($parameters, '', '&');
        $answer = $this->server->ask($method, "$path?$query", $fields, $body);
        $members = Members::of($answer);
        if ($answer->status !== 200 || !$members->isTrue('success')) {
            throw RefusedException::of($answer);
        }
        return $members;
    }
}
