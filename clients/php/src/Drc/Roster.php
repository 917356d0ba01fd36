<?php

declare(strict_types=1);

namespace Fantail\Drc;

/**
 * The channels that a client is in, and who else is, learned from what the server sends.
 *
 * @internal
 */
final class Roster
{
    /** @var array<int, array<string, mixed>> the reply to JOIN, kept up to date, by number */
    private array $channels = [];
    private ?int $ownId = null;

    /** The number of this client, once it has joined a channel. */
    public function ownId(): ?int
    {
        return $this->ownId;
    }

    /** @return array<int, array<string, mixed>> by number */
    public function channels(): array
    {
        return $this->channels;
    }

    /** @return ?array<string, mixed> null if this client is not in it */
    public function channel(int $number): ?array
    {
        return $this->channels[$number] ?? null;
    }

    /** @return array<int, array<string, mixed>> the info of each client in a channel, by id */
    public function clients(int $number): array
    {
        return $this->channels[$number]['clients'] ?? [];
    }

    /** @return list<int> the ids of the authorities in a channel */
    public function authorities(int $number): array
    {
        $isAuthority = static fn (array $info): bool => ($info['auth'] ?? false) === true;
        return array_keys(array_filter($this->clients($number), $isAuthority));
    }

    public function forget(int $number): void
    {
        unset($this->channels[$number]);
    }

    /** @param array<string, mixed> $message */
    public function learn(array $message): void
    {
        $number = $message['channel'] ?? null;
        $id = $message['id'] ?? null;
        if (($message['success'] ?? false) !== true || ($message['from'] ?? null) !== 0
            || !is_int($number) || !is_int($id)
        ) {
            return;
        }
        match ($message['cmd'] ?? null) {
            'JOINED' => $this->learnJoin($number, $id, $message),
            'SET_EXTRA' => $this->learnExtra($number, $id, $message['extra'] ?? false),
            'LEFT' => $this->learnLeave($number, $id),
            default => null,
        };
    }

    /** @param array<string, mixed> $message */
    private function learnJoin(int $number, int $id, array $message): void
    {
        if (is_array($message['clients'] ?? null)) {
            $this->channels[$number] = $message;
            $this->ownId = $id;
        } elseif (isset($this->channels[$number]) && is_array($message['info'] ?? null)) {
            $this->channels[$number]['clients'][$id] = $message['info'];
        }
    }

    private function learnExtra(int $number, int $id, mixed $extra): void
    {
        if (isset($this->channels[$number]['clients'][$id])) {
            $this->channels[$number]['clients'][$id]['extra'] = $extra;
        }
    }

    private function learnLeave(int $number, int $id): void
    {
        if ($id === $this->ownId) {
            $this->forget($number);
        } else {
            unset($this->channels[$number]['clients'][$id]);
        }
    }
}
