<?php

declare(strict_types=1);

namespace Fantail\MessageBroker;

use Fantail\WebSocket\Backoff;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\Connection;
use Fantail\WebSocket\Options;
use Fantail\WebSocket\TimeoutException;
use Fantail\WebSocket\WebSocketException;

/**
 * A client of the message broker: sends to channels, and receives one.
 *
 *     $client = new Client('ws://127.0.0.1:8888/', 'qa', 'password');
 *     $client->send('sms', [['to' => '+49 170 0000000', 'text' => 'hello']]);
 *     $client->receive('sms', function (Message $message): void { ... });
 *
 * A connection that sends or pings does not receive any more; so the callback of receive() needs
 * another client to send with.
 *
 * Every method throws a RefusedException if the server says no, and one of
 * Fantail\WebSocket\WebSocketException if there is no connection or no answer.
 */
final class Client
{
    private readonly Options $options;
    private Connection $connection;
    private int $questions = 0;
    private bool $receiving = false;

    /**
     * Connects and logs in.
     *
     * @param string   $url     ws://host:port/path or wss://; the path is /mq where the server
     *                          offers more than this protocol
     * @param float    $timeout seconds to wait for each answer
     * @param ?Options $options more about the connection
     *
     * @throws RefusedException   if the server rejects the user
     * @throws WebSocketException
     */
    public function __construct(
        private readonly string $url,
        string $user,
        #[\SensitiveParameter] string $password,
        private readonly float $timeout = 10.0,
        ?Options $options = null,
    ) {
        if (str_contains($user, ':')) {
            throw new \InvalidArgumentException("A user's name has no colon.");
        }
        $this->options = $options === null ? new Options() : clone $options;
        $this->options->headers['Authorization'] = 'Basic ' . base64_encode("$user:$password");
        $this->connect();
    }

    /**
     * Sends to a channel, and waits until the server has taken it: until it is on the disk if nobody
     * is there to receive it.
     *
     * If there is no answer, as when the connection is lost, it is not known whether it was taken.
     * With an id of your own you can send it again: the server takes each id of a user and a channel
     * once in 24 hours.
     *
     * @param array<mixed>    $data      an element for each message that may have to be kept
     * @param ?int            $receivers to so many receivers at most; 0 is all, null what the server
     *                                   is configured to
     * @param string|int|null $id        your own name for it
     *
     * @throws RefusedException if nobody got it and it was not kept
     */
    public function send(
        string $channel,
        array $data,
        ?int $receivers = null,
        string|int|null $id = null,
    ): Confirmation {
        $question = ++$this->questions;
        $command = Command::send($channel, $data, $receivers, $id) + ['confirm' => $question];
        $answer = $this->ask($command, static fn (array $answer): bool =>
            ($answer['command'] ?? null) === 'confirm' && ($answer['confirm'] ?? null) === $question);
        return Confirmation::of($answer);
    }

    /**
     * Sends to a channel without waiting: what becomes of it is not told.
     *
     * @param array<mixed> $data
     */
    public function sendUnconfirmed(string $channel, array $data, ?int $receivers = null): void
    {
        $this->assertIdle();
        $this->write(Command::send($channel, $data, $receivers, null));
    }

    /**
     * Receives a channel: the callback is called with each message. What it has returned from is
     * acknowledged, and does not come again; if it throws, the message stays with the server and
     * comes again, to this or another receiver, as does what was on its way when the connection was
     * lost. So a message may come twice, but then with the same id.
     *
     * @param callable(Message): mixed $callback    receives until it returns false
     * @param ?float                   $patience    receive until nothing comes for so many seconds;
     *                                              null: as long as the connection lives
     * @param bool                     $acknowledge false: as receivers of WSMessageBroker do, for
     *                                              whom a message counts as delivered when they have
     *                                              answered a ping
     *
     * @return int how many messages the callback has taken
     */
    public function receive(
        string $channel,
        callable $callback,
        ?float $patience = null,
        bool $acknowledge = true,
    ): int {
        $this->assertIdle();
        $this->write(Command::receive($channel, $acknowledge));
        $this->receiving = true;
        $count = 0;
        try {
            do {
                $message = $this->next($patience);
                $goesOn = $message !== null && $this->deliver($message, $callback);
                $count += (int) ($message !== null);
            } while ($goesOn);
        } catch (\Throwable $fault) {
            try {
                $this->stopReceiving();
            } catch (WebSocketException) {
                // The first fault tells more.
            }
            throw $fault;
        }
        $this->stopReceiving();
        return $count;
    }

    /** Whether the server is well: false if messages are to be kept and cannot be. */
    public function ping(): bool
    {
        $answer = $this->ask(['command' => 'ping'], self::isWelcome(...));
        return ($answer['response_code'] ?? null) === '00';
    }

    /** The connection below, for stream_select(). */
    public function connection(): Connection
    {
        return $this->connection;
    }

    /** Closes the connection. */
    public function close(): void
    {
        $this->connection->close();
    }

    /**
     * Connects and logs in again, after pauses at random that grow, so that a server that was
     * restarted is not run over.
     *
     * @param float $within seconds after which it gives up, with the reason of the last attempt
     */
    public function reconnect(float $within = 60.0, Backoff $backoff = new Backoff()): void
    {
        $this->receiving = false;
        $end = $this->connection->end();
        $this->connection->close(patience: 0.5);
        $least = $end instanceof ClosedException ? $end->retryAfter() : 0.0;
        $backoff->retry(fn () => $this->connect(), $within, $least);
    }

    /** Keeps the password out of var_dump(). */
    public function __debugInfo(): array
    {
        return ['url' => $this->url];
    }

    private function connect(): void
    {
        $this->connection = Connection::open($this->url, $this->options);
        $welcome = $this->awaitAnswer(self::isWelcome(...));
        if (($welcome['response_code'] ?? null) !== '00') {
            $this->connection->close(patience: 0.0);
            throw new RefusedException('The server rejects the user.');
        }
    }

    /** The next message of the channel; null if none comes. */
    private function next(?float $patience): ?Message
    {
        $deadline = $patience === null ? INF : hrtime(true) / 1e9 + $patience;
        while (true) {
            $left = $deadline - hrtime(true) / 1e9;
            $received = $this->connection->receive($left === INF ? null : max(0.0, $left));
            if ($received === null) {
                return null;
            }
            $message = Message::of(Command::decode($received->payload));
            if ($message !== null) {
                return $message;
            }
        }
    }

    /** Whether the callback wants more. */
    private function deliver(Message $message, callable $callback): bool
    {
        $goesOn = $callback($message) !== false;
        if ($message->id !== null) {
            $this->write(Command::acknowledge([$message->id]));
        }
        return $goesOn;
    }

    /** Any other command ends it; what comes until the answer goes to somebody else. */
    private function stopReceiving(): void
    {
        $this->receiving = false;
        if ($this->connection->isOpen()) {
            $this->ping();
        }
    }

    private function assertIdle(): void
    {
        if ($this->receiving) {
            throw new \LogicException('This client receives: use another one in its callback.');
        }
    }

    /**
     * @param array<string, mixed>                  $command
     * @param callable(array<string, mixed>): bool  $isAnswer
     * @return array<string, mixed>
     */
    private function ask(array $command, callable $isAnswer): array
    {
        $this->assertIdle();
        $this->write($command);
        return $this->awaitAnswer($isAnswer);
    }

    /**
     * @param callable(array<string, mixed>): bool $isAnswer
     * @return array<string, mixed>
     */
    private function awaitAnswer(callable $isAnswer): array
    {
        $deadline = hrtime(true) / 1e9 + $this->timeout;
        while (true) {
            $left = max(0.0, $deadline - hrtime(true) / 1e9);
            $received = $this->connection->receive($left);
            if ($received === null) {
                // An answer that comes later would be taken for that to another question.
                $this->connection->close(patience: 0.0);
                throw new TimeoutException("No answer within $this->timeout s.");
            }
            $answer = Command::decode($received->payload);
            if ($isAnswer($answer)) {
                return $answer;
            }
        }
    }

    /** @param array<string, mixed> $command */
    private function write(array $command): void
    {
        $this->connection->sendText(Command::encode($command));
    }

    /** @param array<string, mixed> $answer */
    private static function isWelcome(array $answer): bool
    {
        return ($answer['command'] ?? null) === 'connect';
    }
}
