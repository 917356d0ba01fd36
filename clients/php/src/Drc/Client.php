<?php

declare(strict_types=1);

namespace Fantail\Drc;

use Fantail\WebSocket\Backoff;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\Connection;
use Fantail\WebSocket\Options;
use Fantail\WebSocket\TimeoutException;
use Fantail\WebSocket\WebSocketException;

/**
 * A client of the Data Relay Center: channels, tokens and messages among their members.
 *
 *     $client = new Client('ws://127.0.0.1:7328', origin: 'https://example.com');
 *     $channel = $client->join('report-17', 'report');
 *     $client->send($channel, 'report-ready', data: ['url' => '/reports/17']);
 *
 * Messages that come while another method waits for its answer are kept for receive(). Nothing is
 * done in the background: who is busy for longer than the server waits for a pong (40 s) is
 * disconnected, and finds a ClosedException; see reconnect().
 *
 * Every method throws a RefusedException if the server says no, and one of
 * Fantail\WebSocket\WebSocketException if there is no connection or no answer.
 */
final class Client
{
    /** Every member of the channel, also the sender; for who may send to authorities only, those. */
    public const EVERYONE = -1;

    private const WORDS_OF_THE_SERVER =
        ['GRANT', 'GRANTED', 'JOIN', 'JOINED', 'LEAVE', 'LEFT', 'SET_EXTRA'];

    private readonly Options $options;
    private Session $session;
    /** @var list<Channel> */
    private array $channels = [];

    /**
     * Connects.
     *
     * @param string   $url     ws://host:port/path or wss://; the path is /drc where the server
     *                          offers more than this protocol
     * @param string   $origin  one that the server allows: drc.origins
     * @param float    $timeout seconds to wait for each answer
     * @param ?Options $options more about the connection; its origin is that of this call
     *
     * @throws WebSocketException
     */
    public function __construct(
        private readonly string $url,
        string $origin,
        private readonly float $timeout = 10.0,
        ?Options $options = null,
    ) {
        $this->options = $options === null ? Session::options($origin) : clone $options;
        $this->options->origin = $origin;
        $this->session = $this->connect();
    }

    /**
     * A token with which somebody else, such as a browser, can join this channel within 30
     * seconds; once, and again within 30 seconds after leaving.
     *
     * @param array<mixed>|object $extra         what authorities learn about its bearer
     * @param ?string             $authToken     proves an authority whose address does not
     * @param bool                $makeAuthority whether its bearer becomes an authority
     */
    public function createToken(
        string $name,
        string $protocol,
        Mode $mode = Mode::ReceiveOnly,
        array|object $extra = [],
        #[\SensitiveParameter] ?string $authToken = null,
        bool $makeAuthority = false,
    ): string {
        $request =
            Request::grant($name, $protocol, $mode->value, $extra, $authToken, $makeAuthority);
        return (string) $this->ask($request)['token'];
    }

    /**
     * Joins a channel.
     *
     * @param string|\Closure|null $token     one of createToken() or of the configuration; or what
     *                                        makes one, so that reconnect() has a new one
     * @param bool                 $byAddress whether the address may make it an authority
     */
    public function join(
        string $name,
        string $protocol,
        #[\SensitiveParameter] string|\Closure|null $token = null,
        bool $byAddress = true,
    ): Channel {
        $channel = new Channel($name, $protocol, $token, $byAddress);
        $this->enter($channel);
        // It may have been in it already: the former object does not stand for it any more.
        $isOther = static fn (Channel $other): bool => $other->number() !== $channel->number();
        $this->channels = array_values(array_filter($this->channels, $isOther));
        $this->channels[] = $channel;
        return $channel;
    }

    /** Leaves a channel. */
    public function leave(Channel $channel): void
    {
        if ($channel->isJoined()) {
            $this->ask(Request::leave($this->numberOf($channel), $this->id()));
        }
        $isOther = static fn (Channel $other): bool => $other !== $channel;
        $this->channels = array_values(array_filter($this->channels, $isOther));
    }

    /**
     * Says something else about a member, which only an authority may.
     *
     * @param array<mixed>|object $extra
     */
    public function setExtra(Channel $channel, int $id, array|object $extra): void
    {
        $this->ask(Request::setExtra($this->numberOf($channel), $id, $extra));
    }

    /**
     * Sends a command, which is a word of your own with what belongs to it.
     *
     * It does not wait: if the receiver has left, or this client may not send, a message with a
     * refusal comes later. See confirm().
     *
     * @param int                  $to   the id of a member, or EVERYONE
     * @param array<string, mixed> $data
     */
    public function send(
        Channel $channel,
        string $command,
        int $to = self::EVERYONE,
        array $data = [],
    ): void {
        $this->assertCommand($command);
        $this->session->send(Request::command($this->numberOf($channel), $command, $to, $data));
    }

    /**
     * Sends a command to each authority; to how many.
     *
     * @param array<string, mixed> $data
     */
    public function sendToAuthorities(Channel $channel, string $command, array $data = []): int
    {
        $authorities = $channel->authorities();
        foreach ($authorities as $id) {
            $this->send($channel, $command, $id, $data);
        }
        return count($authorities);
    }

    /**
     * Sends a command to a member and waits for its answer, which is another command.
     *
     * @param array<string, mixed> $data
     * @param ?float               $patience seconds; null: as long as for the server's answers
     */
    public function request(
        Channel $channel,
        string $command,
        int $to,
        string $answer,
        array $data = [],
        ?float $patience = null,
    ): Message {
        $this->assertCommand($command);
        $number = $this->numberOf($channel);
        $request = Request::command($number, $command, $to, $data, $answer);
        $reply = $this->session->ask($request, $patience ?? $this->timeout);
        return Message::of($reply, $this->channels);
    }

    /**
     * Waits until the server has taken all that was sent; throws the first refusal, if there are.
     *
     * It costs a ping, of which a server takes about ten in a second: use it after many commands.
     */
    public function confirm(): void
    {
        $this->session->connection->roundTrip();
        $this->session->takeIn();
        foreach ($this->session->takeRefusals() as $refusal) {
            throw $refusal;
        }
    }

    /**
     * The next message; null if none comes within $patience seconds.
     *
     * @param ?float $patience null: waits for as long as the connection lives
     */
    public function receive(?float $patience = null): ?Message
    {
        $message = $this->session->receive($patience);
        return $message === null ? null : Message::of($message, $this->channels);
    }

    /**
     * Messages as they come.
     *
     * @param  ?float              $patience end after so many seconds without one; null: never
     * @return \Generator<Message>
     */
    public function messages(?float $patience = null): \Generator
    {
        while (($message = $this->receive($patience)) !== null) {
            yield $message;
        }
    }

    /** The number of this client; null as long as it has not joined any channel. */
    public function id(): ?int
    {
        return $this->session->roster->ownId();
    }

    /** @return list<Channel> those that this client has joined */
    public function channels(): array
    {
        return $this->channels;
    }

    /** How many messages were forgotten, because more than 16 MiB had not been received. */
    public function forgotten(): int
    {
        return $this->session->forgotten();
    }

    /** The connection below, for stream_select(). */
    public function connection(): Connection
    {
        return $this->session->connection;
    }

    /** Closes the connection. */
    public function close(): void
    {
        $this->session->connection->close();
    }

    /**
     * Connects again and joins all channels again, after pauses at random that grow, so that a
     * server that was restarted is not run over. Messages that were not received are lost.
     *
     * If the server refuses one of the channels, the others are joined all the same before its
     * RefusedException is thrown.
     *
     * @param float $within seconds after which it gives up, with the reason of the last attempt
     */
    public function reconnect(float $within = 60.0, Backoff $backoff = new Backoff()): void
    {
        $end = $this->session->connection->end();
        $this->session->connection->close(patience: 0.5);
        $refusal = $backoff->retry(function (): ?RefusedException {
            $this->session = $this->connect();
            return $this->enterAll();
        }, $within, $end instanceof ClosedException ? $end->retryAfter() : 0.0);
        if ($refusal !== null) {
            throw $refusal;
        }
    }

    private function connect(): Session
    {
        return new Session(Connection::open($this->url, $this->options));
    }

    private function enterAll(): ?RefusedException
    {
        $first = null;
        foreach ($this->channels as $channel) {
            $channel->joinedAs(0, $this->session->roster);
        }
        foreach ($this->channels as $channel) {
            try {
                $this->enter($channel);
            } catch (RefusedException $refusal) {
                $first ??= $refusal;
            }
        }
        return $first;
    }

    private function enter(Channel $channel): void
    {
        try {
            $reply = $this->ask($channel->request());
        } catch (RefusedException $refusal) {
            throw $refusal->about("Cannot join $channel->name ($channel->protocol)");
        }
        $channel->joinedAs((int) $reply['channel'], $this->session->roster);
    }

    /** @return array<string, mixed> */
    private function ask(Request $request): array
    {
        try {
            return $this->session->ask($request, $this->timeout);
        } catch (TimeoutException $exception) {
            // An answer that comes later would be taken for that to another question.
            $this->session->connection->close(patience: 0.0);
            throw $exception;
        }
    }

    private function numberOf(Channel $channel): int
    {
        if (!$channel->isJoined() || !in_array($channel, $this->channels, true)) {
            throw new \LogicException("This client is not in the channel $channel->name.");
        }
        return $channel->number();
    }

    private function assertCommand(string $command): void
    {
        if (in_array($command, self::WORDS_OF_THE_SERVER, true)) {
            throw new \InvalidArgumentException("$command is a word of the server's own.");
        }
    }
}
