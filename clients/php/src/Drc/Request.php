<?php

declare(strict_types=1);

namespace Fantail\Drc;

/**
 * What a client asks for, and how its answer is known among all that comes.
 *
 * @internal
 */
final class Request
{
    /**
     * @param array<string, mixed>                      $members  in the order in which they are sent
     * @param ?\Closure(array<string, mixed>): bool     $isAnswer
     * @param list<mixed>                               $refusals the channels of refusals that are
     *                                                            meant: 0 where none can be named
     */
    private function __construct(
        private readonly array $members,
        private readonly ?\Closure $isAnswer,
        private readonly array $refusals = [0],
    ) {
    }

    public static function grant(
        string $name,
        string $protocol,
        mixed $mode,
        mixed $extra,
        ?string $authToken,
        bool $makeAuthority,
    ): self {
        $members = [
            'cmd' => 'GRANT',
            'channel' => $name,
            'protocol' => $protocol,
            'clientmode' => $mode,
            'extra' => $extra,
        ];
        if ($authToken !== null) {
            $members['token'] = $authToken;
        }
        if ($makeAuthority) {
            $members['makeauth'] = true;
        }
        return new self($members, static fn (array $answer): bool =>
            self::isNotice($answer, 'GRANTED')
            && ($answer['channelname'] ?? null) === $name
            && ($answer['protocol'] ?? null) === $protocol
            && isset($answer['token']));
    }

    public static function join(string $name, string $protocol, ?string $token, bool $byAddress): self
    {
        $members = ['cmd' => 'JOIN', 'channel' => $name, 'protocol' => $protocol];
        if ($token !== null) {
            $members['token'] = $token;
        }
        if (!$byAddress) {
            $members['ipauth'] = false;
        }
        return new self($members, static fn (array $answer): bool =>
            self::isNotice($answer, 'JOINED')
            && ($answer['channelname'] ?? null) === $name
            && ($answer['protocol'] ?? null) === $protocol
            && isset($answer['clients']));
    }

    public static function setExtra(int $channel, int $id, mixed $extra): self
    {
        $members = ['channel' => $channel, 'cmd' => 'SET_EXTRA', 'id' => $id, 'extra' => $extra];
        return new self($members, static fn (array $answer): bool =>
            self::isNotice($answer, 'SET_EXTRA')
            && ($answer['channel'] ?? null) === $channel
            && ($answer['id'] ?? null) === $id);
    }

    /** @param ?int $ownId the id of the client that leaves */
    public static function leave(int $channel, ?int $ownId): self
    {
        $members = ['cmd' => 'LEAVE', 'channel' => $channel];
        return new self($members, static fn (array $answer): bool =>
            self::isNotice($answer, 'LEFT')
            && ($answer['channel'] ?? null) === $channel
            && ($answer['id'] ?? null) === $ownId);
    }

    /**
     * @param array<int|string, mixed> $data   cannot say another channel, command or receiver
     * @param ?string                  $answer the command that answers it, if one does
     */
    public static function command(
        int $channel,
        string $command,
        int $to,
        array $data,
        ?string $answer = null,
    ): self {
        $members = ['channel' => $channel, 'cmd' => $command, 'to' => $to] + $data;
        $isAnswer = static fn (array $message): bool =>
            ($message['cmd'] ?? null) === $answer
            && ($message['channel'] ?? null) === $channel
            && ($to < 0 || ($message['from'] ?? null) === $to);
        return new self($members, $answer === null ? null : $isAnswer, [0, $channel]);
    }

    /** @throws \InvalidArgumentException if something in it cannot be JSON */
    public function json(): string
    {
        try {
            return json_encode($this->members, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        } catch (\JsonException $exception) {
            $reason = $exception->getMessage();
            throw new \InvalidArgumentException("This cannot be JSON: $reason.", 0, $exception);
        }
    }

    /** @param array<string, mixed> $message */
    public function isAnsweredBy(array $message): bool
    {
        return $this->isAnswer !== null
            && ($message['success'] ?? false) === true
            && ($this->isAnswer)($message);
    }

    /** @param array<string, mixed> $message */
    public function isRefusedBy(array $message): bool
    {
        return ($message['success'] ?? false) !== true
            && in_array($message['channel'] ?? 0, $this->refusals, true);
    }

    /** @param array<string, mixed> $message */
    private static function isNotice(array $message, string $command): bool
    {
        return ($message['cmd'] ?? null) === $command && ($message['from'] ?? 0) === 0;
    }
}
