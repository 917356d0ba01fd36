<?php

declare(strict_types=1);

namespace Fantail;

/**
 * The control port of a Fantail server.
 *
 * A connection is made when it is needed and used again; one that the server closed meanwhile,
 * because this program was busy with other things, is made anew. Texts must be UTF-8; for
 * everything else say binary: true.
 *
 * Every method throws a ConnectionException if the server cannot be reached or does not answer,
 * and a RefusedException if it says no.
 */
final class Control
{
    /** A server that is silent for so many seconds is asked whether it is still there. */
    private const SILENCE = 60.0;

    private ?Connection $connection = null;

    /**
     * @param string  $address unix:///path or tcp://host:port
     * @param ?string $secret  the secret of a control port on TCP
     * @param float   $timeout seconds to wait for the server
     */
    public function __construct(
        private readonly string $address,
        #[\SensitiveParameter] private readonly ?string $secret = null,
        private readonly float $timeout = 5.0,
    ) {
    }

    /** Sends a message to all ws(s)on clients. */
    public function broadcast(string $message, bool $binary = false): void
    {
        $connection = $this->connection();
        $connection->send($binary ? 'B' : 'b', $message);
        $this->synchronise($connection);
    }

    /**
     * Sends a message to the ws(s)on client with this token; false if it is not there.
     *
     * An empty message is none: it only asks, as ask() does.
     */
    public function send(string $token, string $message, bool $binary = false): bool
    {
        return $this->isAcknowledged($binary ? 'C' : 'c', $token . $message);
    }

    /** As send(), without learning whether the client is there; the message may be empty. */
    public function sendUnconfirmed(string $token, string $message, bool $binary = false): void
    {
        $connection = $this->connection();
        $connection->send($binary ? 'D' : 'd', $token . $message);
        $this->synchronise($connection);
    }

    /** Whether the ws(s)on client with this token is there. */
    public function ask(string $token): bool
    {
        return $this->isAcknowledged('c', $token);
    }

    /**
     * Sends one message in parts, as they come; false if the client is not there, or is receiving
     * another message in parts.
     *
     * If the parts throw an exception, the client is disconnected: half a message is none.
     *
     * @param iterable<string> $parts an array, a generator, or for a file Control::parts($stream)
     */
    public function stream(string $token, iterable $parts, bool $binary = false): bool
    {
        // A connection of its own: who ends it ends the message.
        $connection = $this->connect();
        if ($connection->request('l', $token)->letter !== 'A') {
            return false;
        }
        $letter = 'f';
        foreach ($parts as $part) {
            $this->sendPart($connection, $binary ? strtoupper($letter) : $letter, $part);
            $letter = 'i';
        }
        if ($letter === 'f') {
            $this->sendPart($connection, $binary ? 'F' : 'f', '');
        }
        $this->sendPart($connection, $binary ? 'S' : 's', '');
        $connection->close();
        return true;
    }

    /**
     * The parts of a stream such as a file.
     *
     * @param  resource $stream
     * @return \Generator<string>
     */
    public static function parts($stream, int $length = 65536): \Generator
    {
        while (!feof($stream)) {
            $part = fread($stream, $length);
            if ($part === false) {
                throw new \RuntimeException('The stream cannot be read.');
            }
            if ($part !== '') {
                yield $part;
            }
        }
    }

    /**
     * Publishes a message to a topic such as /demo, or to a channel of another dialect:
     * drc:<protocol>/<name>, dsock:<channel>, mq:<channel>.
     *
     * @return int how many receive it
     */
    public function publish(string $channel, string $message, bool $binary = false): int
    {
        if (str_contains($channel, "\n")) {
            throw new \InvalidArgumentException('The name of a channel has no line break.');
        }
        return (int) $this->answer($binary ? 'T' : 't', "$channel\n$message", 'a');
    }

    /**
     * Who is connected.
     *
     * @param  string $filter words that must all fit: name=value, such as user=42, or any text
     * @return list<array<string, mixed>> what the server tells about each
     */
    public function who(string $filter = ''): array
    {
        $lines = explode("\n", $this->answer('w', $filter, 'W'));
        return array_map(Json::members(...), array_values(array_filter($lines, 'strlen')));
    }

    /** @return array<string, mixed> how the server is */
    public function status(): array
    {
        return Json::members($this->answer('g', '', 'G'));
    }

    /** Disconnects a client: its token, or # and its id as who() tells it; false if it is gone. */
    public function kick(string $tokenOrId): bool
    {
        return $this->isAcknowledged('k', $tokenOrId);
    }

    /**
     * What clients do, as it happens.
     *
     * It has a connection of its own, so that other methods may be called meanwhile. Who takes
     * the events too slowly is disconnected by the server.
     *
     * @param  list<string> $kinds    Event::OPEN, TEXT, BINARY, CLOSE
     * @param  ?float       $patience end after so many seconds without an event; null: never
     * @return \Generator<Event>
     */
    public function events(
        array $kinds = [Event::OPEN, Event::TEXT, Event::BINARY, Event::CLOSE],
        ?float $patience = null,
    ): \Generator {
        $connection = $this->connect();
        $this->expect($connection->request('u', implode(',', $kinds)), 'a');
        return $this->eventsOf($connection, $patience);
    }

    /** The domain, or the address, of the WebSocket listener with the fewest connections. */
    public function domain(): string
    {
        return $this->answer('m', '', 'M');
    }

    /** Lets the server read its configuration again. */
    public function reload(): void
    {
        $this->answer('r', '', 'a');
    }

    /** Lets the server close all connections in order, and end. */
    public function drain(): void
    {
        $this->answer('e', '', 'a');
    }

    /** Whether the server is there; throws an exception if not. */
    public function ping(): void
    {
        $this->synchronise($this->connection());
    }

    /** The letters that the server knows. */
    public function letters(): string
    {
        return $this->answer('z', '', 'Z');
    }

    /** Closes the connection, which the next call opens again. */
    public function close(): void
    {
        $this->connection?->close();
        $this->connection = null;
    }

    private function connection(): Connection
    {
        if ($this->connection === null || !$this->connection->isOpen()) {
            $this->connection = $this->connect();
        }
        return $this->connection;
    }

    private function connect(): Connection
    {
        return new Connection($this->address, $this->secret, $this->timeout);
    }

    /** What has no answer of its own was taken when the pong comes. */
    private function synchronise(Connection $connection): void
    {
        $this->expect($connection->request('p'), 'P');
    }

    private function answer(string $letter, string $payload, string $expected): string
    {
        return $this->expect($this->connection()->request($letter, $payload), $expected);
    }

    private function isAcknowledged(string $letter, string $payload): bool
    {
        $answer = $this->connection()->request($letter, $payload);
        return match ($answer->letter) {
            'A', 'a' => true,
            'N', 'n' => false,
            default => throw $this->unexpected($answer),
        };
    }

    private function expect(Frame $answer, string $letter): string
    {
        return match ($answer->letter) {
            $letter => $answer->payload,
            'n' => throw new RefusedException(
                $answer->payload === '' ? 'The server says no.' : $answer->payload,
            ),
            default => throw $this->unexpected($answer),
        };
    }

    private function unexpected(Frame $answer): ControlException
    {
        $this->close();
        return new ControlException("The server gave an answer of another kind: $answer->letter.");
    }

    private function sendPart(Connection $connection, string $letter, string $part): void
    {
        if ($connection->request($letter, $part)->letter !== 'a') {
            throw new RefusedException('The client went away, or the text is not UTF-8.');
        }
    }

    /** @return \Generator<Event> */
    private function eventsOf(Connection $connection, ?float $patience): \Generator
    {
        $lastEvent = microtime(true);
        $asked = false;
        while (true) {
            $wait = $asked ? $this->timeout : self::SILENCE;
            if ($patience !== null) {
                $wait = min($wait, $lastEvent + $patience - microtime(true));
            }
            $frame = $wait > 0 ? $connection->poll($wait) : null;
            $event = $frame === null ? null : Event::of($frame);
            if ($event !== null) {
                yield $event;
                $lastEvent = microtime(true);
            }
            if ($frame !== null) {
                $asked = false;
            } elseif ($patience !== null && microtime(true) >= $lastEvent + $patience) {
                return;
            } elseif ($asked) {
                throw new ConnectionException('The server is silent.');
            } else {
                $connection->send('p');
                $asked = true;
            }
        }
    }
}
